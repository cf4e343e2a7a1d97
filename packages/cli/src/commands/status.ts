import type { Command } from 'commander';
import { printAnswer, reads, withClient, type ReadOptions } from '../client-command.ts';
import { withExamples } from '../help-text.ts';
import { fullView } from '../live-view.ts';
import { whileWaiting } from '../progress.ts';
import { statusBoard } from '../render/status-board.ts';
import { listenForStop } from '../stop-requests.ts';
import type { Terminal } from '../terminal.ts';

interface StatusOptions extends ReadOptions {
  readonly watch?: boolean;
}

/** `sidecar status`: how everything stands, at a glance. */
export function addStatus(program: Command, terminal: Terminal): void {
  withExamples(
    reads(
      program
        .command('status')
        .summary('show who works, who waits and what needs a person')
        .description(
          'Shows how everything stands: what needs a person, the issues under way, the agents alive. With --watch it goes ' +
            'on until Ctrl-C; where that is not a terminal, it prints again whenever something has changed.',
        )
        .option('-w, --watch', 'go on showing it'),
    ),
    'sidecar status',
    'sidecar status --watch',
  ).action((options: StatusOptions) =>
    withClient(options, terminal, async (client) => {
      const [{ takeSnapshot }, { refresh, Wake }] = await Promise.all([
        import('../snapshot.ts'),
        import('../refresh.ts'),
      ]);
      const board = { paint: terminal.paint, url: client.url };
      if (!options.watch) {
        const snapshot = await whileWaiting(terminal, 'Asking the sidecar', takeSnapshot(client, Date.now()));
        const { columns } = terminal.size();
        const target = {
          ...board,
          columns: terminal.outputIsTerminal ? columns : WIDE,
          rows: Infinity,
          nowMs: Date.now(),
        };
        return printAnswer(terminal, options, snapshot, () => statusBoard(snapshot, target));
      }
      const { stop } = listenForStop();
      const view = terminal.outputIsTerminal && !options.json ? fullView(terminal) : undefined;
      let last = '';
      const show = (lines: readonly string[]): void => {
        if (view) return view.show(lines);
        const text = lines.join('\n');
        if (text !== last) terminal.print(text);
        last = text;
      };
      try {
        await refresh(client, new Wake(), AbortSignal.any([stop, terminal.outputClosed]), {
          ask: () => takeSnapshot(client, Date.now()),
          onAnswer: (snapshot) => {
            const { columns, rows } = terminal.size();
            // Away from a terminal times stand still, or every look would differ from the last.
            const target = view
              ? { ...board, columns, rows: rows - 1, nowMs: Date.now() }
              : { ...board, columns: WIDE, rows: Infinity, nowMs: undefined };
            show(options.json ? [JSON.stringify(snapshot)] : statusBoard(snapshot, target));
            return false;
          },
          onLost: (error) => show([`${client.url} cannot be reached, trying again: ${error.detail}`]),
          // A person sees that nobody answers; a script whose reader is gone would wait for ever.
          giveUpAfterMs: view ? Infinity : GIVE_UP_AFTER_MS,
        });
      } finally {
        view?.close();
      }
    }),
  );
}

/** How long a sidecar that restarts is waited for where there is no terminal, in milliseconds. */
const GIVE_UP_AFTER_MS = 60_000;
/** Columns of a board that is not shown on a terminal. */
const WIDE = 120;
