import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, ReadStream, statSync, type WriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { once } from 'node:events';
import type { Command } from 'commander';
import { printAnswer } from '../client-command.ts';
import { EXIT } from '../exit-codes.ts';
import { CommandFailure } from '../failure.ts';
import { withExamples } from '../help-text.ts';
import { dataDirOf, withMaintenance, worksOnDirectory, type OfflineOptions } from '../offline-command.ts';
import { assignments, collected } from '../option-values.ts';
import { progressBar } from '../progress-bar.ts';
import { counted } from '../render/quantity.ts';
import type { Terminal } from '../terminal.ts';

interface ImportOptions extends OfflineOptions {
  readonly root?: readonly string[];
}

/** `sidecar export`: what the store holds, as JSON lines that outlive it. */
export function addExport(program: Command, terminal: Terminal): void {
  withExamples(
    worksOnDirectory(
      program
        .command('export <file>')
        .summary('write projects, issues, results and events as JSON lines')
        .description(
          'Writes projects, issues, results and events as JSON lines, in the shapes of the API, also while a sidecar runs. ' +
            'No tokens, keys or agents: for moving on, and for other programs. `-` writes to standard output.',
        ),
    ),
    'sidecar export shop.jsonl',
    'sidecar export - | gzip > shop.jsonl.gz',
  ).action((file: string, options: OfflineOptions) => exportTo(file, options, terminal));
}

/** `sidecar import`: takes in what `sidecar export` wrote. */
export function addImport(program: Command, terminal: Terminal): void {
  withExamples(
    worksOnDirectory(
      program
        .command('import <file>')
        .summary('take in what `export` wrote')
        .description(
          'Takes in what `export` wrote, all or nothing. The sidecar must be stopped. What is there already stays as it is; ' +
            'issues that were running come in as open, and nothing that is taken in starts work. `-` reads standard input.',
        )
        .option('--root <project=directory>', 'where a repository lies here, as often as needed', collected)
        .option('--json', 'print what was taken in as JSON'),
    ),
    'sidecar import shop.jsonl --root shop=/home/me/shop',
  ).action((file: string, options: ImportOptions) => importFrom(file, options, terminal));
}

async function exportTo(file: string, options: OfflineOptions, terminal: Terminal): Promise<void> {
  const dataDir = await dataDirOf(options, terminal);
  await withMaintenance(async ({ exportStore, dataDirAt, VERSION }) => {
    const bar = progressBar(terminal);
    const store = dataDirAt(dataDir).database;
    if (!existsSync(store)) throw new CommandFailure(`There is nothing to export: no store in ${dataDir}.`);
    const out = file === '-' ? undefined : createWriteStream(resolve(terminal.cwd, file), { mode: 0o600 });
    let total = 0;
    try {
      if (out) await opened(out, 'write');
      for (const chunk of exportStore(store, VERSION, Date.now())) {
        if (!out) terminal.write(chunk.text);
        else if (!out.write(chunk.text)) await once(out, 'drain');
        ({ total } = chunk);
        bar.update('Exporting', chunk.done, total);
      }
      if (out) {
        out.end();
        await once(out, 'close');
      }
    } finally {
      bar.end();
    }
    terminal.note(`${counted(total, 'record')} exported.`);
  });
}

async function importFrom(file: string, options: ImportOptions, terminal: Terminal): Promise<void> {
  const path = resolve(terminal.cwd, file);
  if (file !== '-' && statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw new CommandFailure(`${path} cannot be read: it is a directory.`, { exitCode: EXIT.usage });
  const dataDir = await dataDirOf(options, terminal);
  const roots: Record<string, string> = {};
  for (const [id, root] of Object.entries(assignments(options.root ?? []))) roots[id] = resolve(terminal.cwd, root);
  await withMaintenance(async ({ importStore, rebuildMirrors }) => {
    const { createInterface } = await import('node:readline');
    const bar = progressBar(terminal);
    const input = file === '-' ? process.stdin : createReadStream(path);
    if (input instanceof ReadStream) await opened(input, 'read');
    try {
      const imported = await importStore(
        {
          dataDir,
          lines: createInterface({ input, crlfDelay: Infinity }),
          roots,
          newEpoch: randomUUID().slice(0, 8),
          pid: process.pid,
          nowMs: Date.now(),
        },
        (done, total) => bar.update('Importing', done, total),
      );
      bar.end();
      await rebuildMirrors(dataDir, process.pid);
      printAnswer(terminal, options, imported, ({ taken, known, reopened }) => [
        `Taken in: ${counted(taken.projects, 'project')}, ${counted(taken.issues, 'issue')}, ${counted(taken.results, 'result')}, ${counted(taken.events, 'event')}.`,
        `Known already: ${counted(known.projects, 'project')}, ${counted(known.issues, 'issue')}, ${counted(known.results, 'result')}, ${counted(known.events, 'event')}.`,
        ...(reopened > 0
          ? [`${counted(reopened, 'issue')} that ${reopened === 1 ? 'was' : 'were'} being worked on, open now.`]
          : []),
      ]);
    } finally {
      bar.end();
    }
  });
}

/** Waits until a file is open. What keeps it from that is most often the path, and not the disk. */
async function opened(stream: ReadStream | WriteStream, purpose: 'read' | 'write'): Promise<void> {
  try {
    await once(stream, 'open');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const reason = REASONS.get(`${purpose} ${code}`);
    if (reason === undefined) throw cause;
    throw new CommandFailure(
      `${String(stream.path)} cannot be ${purpose === 'read' ? 'read' : 'written'}: ${reason}.`,
      {
        exitCode: EXIT.usage,
        cause,
      },
    );
  }
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['read ENOENT', 'there is no such file'],
  ['write ENOENT', 'its directory does not exist'],
  ['write EISDIR', 'it is a directory'],
  ['read EACCES', 'you may not read it'],
  ['write EACCES', 'you may not write there'],
]);
