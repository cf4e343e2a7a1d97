import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../runtime/clock.ts';
import { Cgroups } from './cgroup.ts';
import { readExitFile } from './child-exit.ts';
import { Processes } from './processes.ts';
import { isRunning } from './process-identity.ts';
import { processTable, readProc, readPs } from './process-table.ts';
import type { ProcessLimits, ProcessRecord, StartPlan } from './start-plan.ts';

const FIXTURES = join(import.meta.dirname, '../../../../test/fixtures/agents');
const MISBEHAVE = join(FIXTURES, 'misbehave.sh');
const PATH = `${join(process.execPath, '..')}:/usr/bin:/bin`;
const LIMITS: ProcessLimits = {
  wallSeconds: 60,
  memoryMb: 512,
  cpuSeconds: 30,
  outputMb: 64,
  openFiles: 256,
  processes: 256,
};

let directory: string;
let count = 0;
const opened: Processes[] = [];
const started: string[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sidecar-process-'));
});
afterEach(async () => {
  const sweeper = await Processes.open({ clock: systemClock, cgroups: 'off' });
  for (const marker of started.splice(0)) await sweeper.sweep(marker);
  for (const processes of [sweeper, ...opened.splice(0)]) await processes.close();
  rmSync(directory, { recursive: true, force: true });
});

async function open(cgroups: 'auto' | 'off' = 'off'): Promise<Processes> {
  const processes = await Processes.open({ clock: systemClock, cgroups });
  opened.push(processes);
  return processes;
}

function plan(args: readonly string[], over: Partial<StartPlan> = {}): StartPlan {
  count += 1;
  const marker = `test-${process.pid}-${count}`;
  started.push(marker);
  return {
    file: MISBEHAVE,
    args,
    cwd: directory,
    env: { PATH },
    stdoutFile: join(directory, `${marker}.out`),
    stderrFile: join(directory, `${marker}.err`),
    exitFile: join(directory, `${marker}.exit`),
    limits: LIMITS,
    marker,
    ...over,
  };
}

/** Everything that carries the marker, whatever became of its parents. */
async function left(marker: string): Promise<number[]> {
  const rows = await processTable();
  return rows.filter((row) => row.marker() === marker).map((row) => row.pid);
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const says = (path: string, text: string) => () => existsSync(path) && readFileSync(path, 'utf8').includes(text);

describe('starting', () => {
  test('gives the program its arguments, input, directory and environment, and nothing of ours', async () => {
    const processes = await open();
    const script = 'printf "%s|" "$@"; cat; pwd; env | sort';
    const args = ['-c', script, 'name', 'a b', '"; rm -rf ~ #', '$(id)', ''];
    const started = plan(args, { file: '/bin/bash', stdin: 'the task\n', env: { PATH, GREETING: 'hello' } });
    const child = await processes.start(started);
    expect(await child.exited).toMatchObject({ code: 0, signal: null, cause: 'exited', leftBehind: [] });
    const [first, cwd, ...environment] = readFileSync(started.stdoutFile, 'utf8').trim().split('\n');
    expect(first).toBe('a b|"; rm -rf ~ #|$(id)||the task');
    expect(cwd).toBe(directory);
    const names = environment.map((line) => line.split('=')[0]);
    expect(names).toEqual(
      ['GREETING', 'OLDPWD', 'PATH', 'PWD', 'SHLVL', 'SIDECAR_PROCESS_MARKER', '_'].filter((name) =>
        names.includes(name),
      ),
    );
    expect(environment).toContain('GREETING=hello');
    expect(statSync(started.stdoutFile).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).not.toContain(expect.stringContaining('.stdin'));
  });

  test('regression: a program begins when its record is kept, and never when that fails', async () => {
    const processes = await open('auto');
    const made = join(directory, 'made');
    const touch = (): StartPlan => plan([made], { file: '/usr/bin/touch' });
    let begunBefore: boolean | undefined;
    const child = await processes.start(touch(), async ({ program }) => {
      begunBefore = existsSync(made) || (await readFile(`/proc/${program.pid}/comm`, 'utf8')).startsWith('touch');
    });
    expect(await child.exited).toMatchObject({ code: 0, cause: 'exited' });
    expect([begunBefore, existsSync(made)]).toEqual([false, true]);

    rmSync(made);
    const refused = touch();
    await expect(processes.start(refused, () => Promise.reject(new Error('full')))).rejects.toThrow('full');
    expect([await left(refused.marker), existsSync(made)]).toEqual([[], false]);
    expect(await readExitFile(refused.exitFile)).toMatchObject({ began: false });
  });

  test('is the process it says it is, in a group of its own', async () => {
    const processes = await open();
    const child = await processes.start(plan(['hang']));
    const row = (await processTable()).find(({ pid }) => pid === child.pid);
    expect(row).toMatchObject({ startTime: child.record.program.startTime, group: child.record.leader.pid });
    expect(await isRunning(child.record.program)).toBe(true);
    await child.stop({ termMs: 5000 });
    expect(await isRunning(child.record.program)).toBe(false);
  });

  test.each([
    ['missing', { file: '/nowhere/agent' }, /\/nowhere\/agent/],
    ['no_directory', { cwd: '/nowhere' }, /\/nowhere/],
    ['refused', { args: ['a\0b'] }, /misbehave/],
  ] as const)('answers %s by name and leaves nothing open', async (reason, over, words) => {
    const processes = await open('auto');
    const before = await descriptors();
    await expect(processes.start(plan(['exit'], over))).rejects.toMatchObject({ reason, message: words });
    expect(await descriptors()).toBe(before);
  });

  test('answers not_executable for a file without the right, and for a directory', async () => {
    const processes = await open();
    const file = join(directory, 'agent');
    writeFileSync(file, '#!/bin/sh\n');
    chmodSync(file, 0o644);
    await expect(processes.start(plan([], { file }))).rejects.toMatchObject({
      reason: 'not_executable',
      program: file,
    });
    mkdirSync(join(directory, 'folder'));
    await expect(processes.start(plan([], { file: join(directory, 'folder') }))).rejects.toMatchObject({
      reason: 'not_executable',
    });
  });

  test('119 at once leave no process and no descriptor behind', async () => {
    const processes = await open();
    const before = await descriptors();
    const plans = Array.from({ length: 119 }, (_, index) => plan(['exit', String(index % 100)]));
    const exits = await Promise.all(plans.map(async (each) => (await processes.start(each)).exited));
    expect(exits.map((exit) => exit.code)).toEqual(plans.map((_, index) => index % 100));
    await until('descriptors are closed', async () => (await descriptors()) <= before);
    for (const { marker } of plans.slice(0, 3)) expect(await left(marker)).toEqual([]);
  });
});

async function descriptors(): Promise<number> {
  return (await readdir('/dev/fd')).length;
}

describe.each(['off', 'auto'] as const)('ending, control groups %s', (cgroups) => {
  test.each([
    [['exit', '3'], { code: 3, signal: null, cause: 'exited' }],
    [['exit'], { code: 0, signal: null, cause: 'exited' }],
    [['exit', '255'], { code: 255, signal: null, cause: 'exited' }],
    [['close-stdout'], { code: 5, signal: null, cause: 'exited' }],
    [['die', 'KILL'], { code: null, signal: 'SIGKILL', cause: 'exited' }],
    [['die', 'SEGV'], { code: null, signal: 'SIGSEGV', cause: 'exited' }],
    [['die', 'TERM'], { code: null, signal: 'SIGTERM', cause: 'exited' }],
  ] as const)('%j is told as it was', async (args, expected) => {
    const processes = await open(cgroups);
    const child = await processes.start(plan(args));
    expect(await child.exited).toMatchObject({ ...expected, leftBehind: [] });
  });

  test.each(['fork', 'setsid-leave'])('what %s leaves behind is ended', async (how) => {
    const processes = await open(cgroups);
    const child = await processes.start(plan([how]));
    expect(await child.exited).toMatchObject({ code: 0, cause: 'exited', leftBehind: [] });
    expect(await left(child.record.marker)).toEqual([]);
  });

  test.each(['hang', 'ignore-term', 'setsid'])('stop ends %s and all it started', async (how) => {
    const processes = await open(cgroups);
    const started = plan([how]);
    const child = await processes.start(started);
    if (how !== 'hang') await until('it is ready', says(started.stdoutFile, 'ready'));
    const [exit, again] = await Promise.all([child.stop({ termMs: 300 }), child.stop({ termMs: 300 })]);
    expect(exit).toMatchObject({ code: null, cause: 'stopped', leftBehind: [] });
    expect(exit.signal).toBe(how === 'ignore-term' ? 'SIGKILL' : 'SIGTERM');
    expect(again).toBe(exit);
    expect(await left(child.record.marker)).toEqual([]);
    expect(await child.stop()).toBe(exit);
  });

  test('a killed shim takes its program along', async () => {
    const processes = await open(cgroups);
    const child = await processes.start(plan(['hang']));
    process.kill(child.record.leader.pid, 'SIGKILL');
    expect(await child.exited).toMatchObject({ code: null, signal: 'SIGKILL', cause: 'exited' });
    expect(await left(child.record.marker)).toEqual([]);
  });
});

describe('stopping', () => {
  test('asks first by closing a held standard input', async () => {
    const processes = await open();
    const started = plan(['ask'], { stdin: 'one line\n', holdStdin: true });
    const child = await processes.start(started);
    await until('the input arrived', says(started.stdoutFile, 'one line'));
    expect(await child.stop({ askMs: 10_000 })).toMatchObject({ code: 7, cause: 'stopped' });
  });

  test('can be hastened', async () => {
    const processes = await open();
    const started = plan(['ignore-term']);
    const child = await processes.start(started);
    await until('it is ready', says(started.stdoutFile, 'ready'));
    void child.stop({ termMs: 3_600_000 });
    expect(await child.stop({ termMs: 0 })).toMatchObject({ signal: 'SIGKILL', cause: 'stopped' });
  });

  test('sweep ends what carries a marker although nobody knows of its start', async () => {
    const processes = await open();
    const child = await processes.start(plan(['setsid']));
    await until('its shell runs', async () => (await left(child.record.marker)).length >= 4);
    const other = await open();
    expect(await other.sweep(child.record.marker)).toBeGreaterThanOrEqual(4);
    expect(await left(child.record.marker)).toEqual([]);
    expect(await other.sweep('no-such-marker')).toBe(0);
  });
});

const limited = (over: Partial<ProcessLimits>): Pick<StartPlan, 'limits'> => ({ limits: { ...LIMITS, ...over } });

describe('limits', () => {
  test('wall clock', async () => {
    const processes = await open();
    const child = await processes.start(plan(['hang'], limited({ wallSeconds: 1 })));
    expect(await child.exited).toMatchObject({ signal: 'SIGTERM', cause: 'wall' });
  });

  test('output: a flood is stopped and cut to what is allowed', async () => {
    const processes = await open();
    const started = plan(['flood'], limited({ outputMb: 2 }));
    const child = await processes.start(started);
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL', cause: 'output' });
    expect(statSync(started.stdoutFile).size).toBe(2 * 1024 * 1024);
    expect(await left(child.record.marker)).toEqual([]);
  });

  test('memory', async () => {
    const processes = await open();
    const eat = [join(FIXTURES, 'eat-memory.mjs')];
    const child = await processes.start(plan(eat, { file: process.execPath, ...limited({ memoryMb: 200 }) }));
    expect(child.record.limitsInForce.memoryMb).toContain('watch');
    expect(await child.exited).toMatchObject({ cause: 'memory', leftBehind: [] });
  });

  test('CPU time', async () => {
    const processes = await open();
    const child = await processes.start(plan(['spin'], limited({ cpuSeconds: 1 })));
    expect(await child.exited).toMatchObject({ code: null, cause: 'cpu' });
  });

  test('open files', async () => {
    const processes = await open();
    const started = plan(['open-files'], limited({ openFiles: 64 }));
    const child = await processes.start(started);
    expect((await child.exited).code).toBe(1);
    expect(readFileSync(started.stderrFile, 'utf8')).toContain('EMFILE');
  });

  test('processes', async () => {
    const processes = await open();
    const child = await processes.start(plan(['breed', '40'], limited({ processes: 20 })));
    expect(await child.exited).toMatchObject({ cause: 'processes', leftBehind: [] });
    expect(await left(child.record.marker)).toEqual([]);
  });

  test.runIf(process.platform === 'linux')('core dumps: none, of the program or of what waits for it', async () => {
    const processes = await open();
    const started = plan(['-c', 'cat /proc/$$/limits /proc/$PPID/limits'], { file: '/bin/sh' });
    await (
      await processes.start(started)
    ).exited;
    const found = [...readFileSync(started.stdoutFile, 'utf8').matchAll(/^Max core file size +(\d+) +(\d+) /gm)];
    expect(found.map(([, soft, hard]) => [Number(soft) < 2, Number(hard) < 2])).toEqual([
      [true, true],
      [true, true],
    ]);
  });

  test('says what is in force', async () => {
    const processes = await open();
    const child = await processes.start(plan(['exit']));
    const rlimit = process.platform === 'linux' ? ['watch', 'rlimit'] : ['watch'];
    expect(child.record.limitsInForce).toEqual({
      wallSeconds: ['watch'],
      memoryMb: rlimit,
      cpuSeconds: ['watch', 'rlimit'],
      outputMb: ['watch', 'rlimit'],
      openFiles: ['rlimit'],
      processes: ['watch'],
    });
    await child.exited;
    const grouped = await Cgroups.open();
    const inGroup = await (await open('auto')).start(plan(['exit']));
    expect(inGroup.record.cgroup === null).toBe(grouped === undefined);
    await inGroup.exited;
    expect(existsSync(inGroup.record.cgroup ?? '/nowhere')).toBe(false);
  });

  test('regression: a group that a cut off start left is used, and a sweep takes it along', async () => {
    const processes = await open('auto');
    const grouped = await Cgroups.open();
    const again = plan(['exit']);
    const left = await grouped?.make(again.marker, { memoryMb: 512, processes: 256 });
    const child = await processes.start(again);
    expect(child.record.cgroup).toBe(left?.directory ?? null);
    await child.exited;
    await grouped?.make(again.marker, { memoryMb: 512, processes: 256 });
    await processes.sweep(again.marker);
    expect(existsSync(left?.directory ?? '/nowhere')).toBe(false);
  });
});

describe.each(['off', 'auto'] as const)('adopting, control groups %s', (cgroups) => {
  /** Starts a process through another one of ours and kills that one. */
  async function orphan(args: readonly string[], over: Partial<StartPlan> = {}): Promise<ProcessRecord> {
    const recordFile = join(directory, `${count}.json`);
    const keeper = spawn(
      process.execPath,
      [
        '--conditions=@orchestration-sidecar/source',
        join(FIXTURES, 'process-keeper.ts'),
        JSON.stringify(plan(args, over)),
        recordFile,
        cgroups,
      ],
      { stdio: 'inherit' },
    );
    const ended = new Promise((resolve) => keeper.once('exit', resolve));
    await until(
      'the record is written',
      () => existsSync(recordFile) && readFileSync(recordFile, 'utf8').endsWith('}'),
    );
    keeper.kill('SIGKILL');
    await ended;
    return JSON.parse(readFileSync(recordFile, 'utf8')) as ProcessRecord;
  }

  test('an agent goes on without the sidecar, keeps writing and is followed to its real end', async () => {
    const go = join(directory, 'go');
    const script = `while [ ! -e '${go}' ]; do sleep 0.05; done; echo later; exit 9`;
    const record = await orphan(['-c', script], { file: '/bin/bash' });
    expect(await isRunning(record.program)).toBe(true);
    const child = await (await open(cgroups)).adopt(record);
    expect(child.pid).toBe(record.program.pid);
    writeFileSync(go, '');
    expect(await child.exited).toMatchObject({ code: 9, signal: null, cause: 'exited' });
    expect(await readFile(record.stdoutFile, 'utf8')).toBe('later\n');
  });

  test('one that ended meanwhile is settled with its real exit', async () => {
    const record = await orphan(['exit', '4']);
    await until('it has ended', async () => !(await isRunning(record.leader)));
    const child = await (await open(cgroups)).adopt(record);
    expect(await child.exited).toMatchObject({ code: 4, cause: 'exited' });
  });

  test('one that left children behind takes them along', async () => {
    const record = await orphan(['setsid-leave']);
    await until('it has ended', async () => !(await isRunning(record.leader)));
    const child = await (await open(cgroups)).adopt(record);
    expect(await child.exited).toMatchObject({ code: 0, leftBehind: [] });
    expect(await left(record.marker)).toEqual([]);
  });

  test('an adopted agent can be stopped, whatever session its children are in', async () => {
    const record = await orphan(['setsid']);
    await until('it is ready', says(record.stdoutFile, 'ready'));
    const child = await (await open(cgroups)).adopt(record);
    expect(await child.stop({ termMs: 300 })).toMatchObject({ cause: 'stopped', leftBehind: [] });
    expect(await left(record.marker)).toEqual([]);
  });

  test('limits hold on', async () => {
    const record = await orphan(['hang'], { limits: { ...LIMITS, wallSeconds: 3600 } });
    const child = await (await open(cgroups)).adopt({ ...record, startedAtMs: Date.now() - 3_600_000 });
    expect(await child.exited).toMatchObject({ cause: 'wall' });
  });

  test('a reused process id is not ours: it is left alone and the agent is lost', async () => {
    const stranger = await (await open()).start(plan(['hang']));
    const record = await orphan(['exit', '4']);
    await until('it has ended', async () => !(await isRunning(record.leader)));
    const { pid } = stranger.record.leader;
    rmSync(record.exitFile);
    const reused: ProcessRecord = {
      ...record,
      program: { ...record.program, pid: stranger.pid },
      leader: { ...record.leader, pid },
    };
    const child = await (await open(cgroups)).adopt(reused);
    expect(await child.exited).toMatchObject({ code: null, signal: null, cause: 'unknown' });
    expect(await isRunning(stranger.record.program)).toBe(true);
  });

  test('a record of an earlier boot is never taken for a running process', async () => {
    const record = await orphan(['hang']);
    const child = await (await open(cgroups)).adopt({ ...record, bootId: 'an-earlier-boot' });
    expect(await child.exited).toMatchObject({ cause: 'unknown' });
    expect(await isRunning(record.program)).toBe(true);
    await (await (await open(cgroups)).adopt(record)).stop({ termMs: 0 });
  });
});

test.runIf(process.platform === 'linux')('ps tells what /proc tells', async () => {
  const processes = await open();
  const child = await processes.start(plan(['setsid']));
  const pick = (rows: Awaited<ReturnType<typeof readProc>>) =>
    rows
      .filter((row) => row.group === child.record.leader.pid)
      .map((row) => ({ pid: row.pid, parent: row.parent, marker: row.marker() }))
      .toSorted((a, b) => a.pid - b.pid);
  // Processes come and go while the two look one after the other.
  let [proc, ps] = [pick(await readProc()), pick(await readPs())];
  await until('both saw the same', async () => {
    [proc, ps] = [pick(await readProc()), pick(await readPs())];
    return proc.length >= 2 && JSON.stringify(proc) === JSON.stringify(ps);
  });
  expect(ps).toEqual(proc);
  expect(ps.every(({ marker }) => marker === child.record.marker)).toBe(true);
  await child.stop({ termMs: 0 });
});
