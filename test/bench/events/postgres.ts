import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'pg';

/** A PostgreSQL of the bench’s own, with the settings it comes with: `fsync` and `synchronous_commit` are on. */
export interface Postgres {
  readonly port: number;
  readonly pool: Pool;
  /** Inserts a second that `pgbench`, written in C, makes over so many connections; undefined where it is not installed. */
  rateOfPgbench(connections: number, seconds: number, text: string): number | undefined;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Room for every publisher, once over `pg` and once over pgbench. */
const MAX_CONNECTIONS = 300;

/**
 * Starts it in the same folder for temporary files, and so on the same disk, as the sidecar’s store.
 * @throws where it is not on the machine.
 */
export async function startPostgres(port: number, connections: number): Promise<Postgres> {
  const binaries = findBinaries();
  const directory = mkdtempSync(join(tmpdir(), 'sidecar-bench-'));
  const account = serviceAccount();
  if (account) chownSync(directory, account.uid, account.gid);
  const data = join(directory, 'data');
  const run = (name: string, args: readonly string[]): string =>
    execFileSync(join(binaries, name), args, { ...account, cwd: directory, encoding: 'utf8', stdio: 'pipe' });
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  try {
    run('initdb', ['-D', data, '-U', 'bench', '-A', 'trust']);
  } catch (cause) {
    remove();
    throw cause;
  }
  const settings = [`max_connections=${MAX_CONNECTIONS}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories='];
  const args = ['-D', data, '-p', `${port}`, ...settings.flatMap((setting) => ['-c', setting])];
  const server = spawn(join(binaries, 'postgres'), args, { ...account, cwd: directory, stdio: 'ignore' });
  const exited = once(server, 'exit');
  const place = { host: '127.0.0.1', port, user: 'bench', database: 'postgres' };
  const pool = new Pool({ ...place, max: connections });
  pool.on('error', () => {});
  await answers(pool);
  await pool.query('create table events (id bigserial primary key, body text)');
  return {
    port,
    pool,
    rateOfPgbench(clients, seconds, text) {
      if (!existsSync(join(binaries, 'pgbench'))) return undefined;
      const script = join(directory, 'insert.sql');
      const sql = `insert into events (body) values ('${text.replaceAll("'", "''")}') returning id;`;
      execFileSync('tee', [script], { input: sql, stdio: ['pipe', 'ignore', 'inherit'] });
      const load = ['-n', '-M', 'prepared', '-j', '1', '-c', `${clients}`, '-T', `${seconds}`, '-f', script];
      const printed = run('pgbench', ['-h', place.host, '-p', `${port}`, '-U', place.user, ...load, place.database]);
      return Number(/tps = ([\d.]+)/.exec(printed)?.[1]);
    },
    async [Symbol.asyncDispose]() {
      await pool.end();
      // A fast stop: it ends its connections itself.
      server.kill('SIGINT');
      await exited;
      remove();
    },
  };
}

/** Debian keeps the programs of each version in a folder that is not in the path. */
function findBinaries(): string {
  const versions = '/usr/lib/postgresql';
  const packaged = existsSync(versions)
    ? readdirSync(versions)
        .toSorted((a, b) => Number(b) - Number(a))
        .map((version) => join(versions, version, 'bin'))
    : [];
  const found = [...packaged, ...(process.env['PATH'] ?? '').split(delimiter)].find((folder) =>
    ['initdb', 'postgres'].every((name) => existsSync(join(folder, name))),
  );
  if (found === undefined) throw new Error('postgres is not on this machine');
  return found;
}

/** PostgreSQL refuses to run as root; its package brings an account. Undefined: whoever runs the bench may. */
function serviceAccount(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (option: string): number => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}

async function answers(pool: Pool): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await pool.query('select 1');
      return;
    } catch (cause) {
      if (tries === 100) throw cause;
      await sleep(100);
    }
  }
}
