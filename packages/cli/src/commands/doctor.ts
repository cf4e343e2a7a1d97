import type { Command } from 'commander';
import type { DoctorFinding } from '@orchestration-sidecar/server/maintenance';
import { CommandFailure } from '../failure.ts';
import { gitRoot } from '../git-root.ts';
import { withExamples } from '../help-text.ts';
import { withMaintenance, worksOnDirectory, type OfflineOptions } from '../offline-command.ts';
import { whileWaiting } from '../progress.ts';
import type { Style, Terminal } from '../terminal.ts';

const MARKS: Readonly<Record<DoctorFinding['state'], readonly [mark: string, style: Style]>> = {
  ok: ['✓', 'green'],
  warning: ['!', 'yellow'],
  fault: ['✗', 'red'],
  unknown: ['?', 'dim'],
};

/** `sidecar doctor`: what is wrong, and what to do about it. */
export function addDoctor(program: Command, terminal: Terminal): void {
  withExamples(
    worksOnDirectory(
      program
        .command('doctor')
        .summary('find out what is wrong, and what to do about it')
        .description(
          'Looks at the programs a sidecar needs and those that profiles start agents with, the clock, the data directory, ' +
            'who may read and write it, its disk, the port, leftovers, every page of the store, and processes that outlived ' +
            'their agents. Changes nothing, and needs no running sidecar. ' +
            'Exits with 1 when something does not work; warnings do not count.',
        )
        .option('--port <number>', 'port that the sidecar uses (SIDECAR_PORT)')
        .option('--json', 'print the findings as JSON'),
    ),
    'sidecar doctor',
  ).action((options: OfflineOptions & { readonly port?: string }) => doctor(options, terminal));
}

async function doctor(options: OfflineOptions & { readonly port?: string }, terminal: Terminal): Promise<void> {
  const { loadConfig } = await import('@orchestration-sidecar/server/config');
  const { environment, cwd } = terminal;
  const { dataDir, port } = options;
  const { config } = await loadConfig({ dataDir, port }, environment, cwd);
  const project = config.project ?? gitRoot(cwd);
  const findings = await withMaintenance(async ({ examine }) => {
    const found: DoctorFinding[] = [];
    const examination = {
      config: { ...config, project },
      environment,
      userId: process.getuid?.(),
      nodeVersion: process.version,
      nowMs: Date.now(),
      signal: new AbortController().signal,
    };
    const rest = examine(examination);
    for (;;) {
      const next = await whileWaiting(terminal, 'Examining', rest.next());
      if (next.done) return found;
      found.push(next.value);
      if (!options.json) printFinding(next.value, terminal);
    }
  });
  const faults = findings.filter(({ state }) => state === 'fault').length;
  if (options.json) terminal.print(JSON.stringify({ healthy: faults === 0, findings }, null, 2));
  if (faults > 0) throw new CommandFailure(`${faults} ${faults === 1 ? 'thing does' : 'things do'} not work.`);
}

function printFinding({ what, state, seen, advice }: DoctorFinding, terminal: Terminal): void {
  const [mark, style] = MARKS[state];
  terminal.print(`${terminal.paint(style, mark)} ${what}: ${seen}`);
  if (advice !== null) terminal.print(`  → ${advice}`);
}
