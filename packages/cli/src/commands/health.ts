import type { Command } from 'commander';
import { printAnswer, reads, withClient, type ReadOptions } from '../client-command.ts';
import { CommandFailure } from '../failure.ts';
import { withExamples } from '../help-text.ts';
import { whileWaiting } from '../progress.ts';
import { duration } from '../render/quantity.ts';
import { renderFields } from '../render/table.ts';
import type { Terminal } from '../terminal.ts';

/** `sidecar health`: whether the sidecar is well. */
export function addHealth(program: Command, terminal: Terminal): void {
  withExamples(
    reads(
      program
        .command('health')
        .summary('check whether the sidecar is well')
        .description('Checks whether the sidecar is well. Needs no token. Exits with 1 when it is unhealthy.'),
    ),
    'sidecar health',
    'until sidecar health > /dev/null 2>&1; do sleep 0.2; done',
  ).action((options: ReadOptions) =>
    withClient(options, terminal, async (client) => {
      const health = await whileWaiting(terminal, 'Asking the sidecar', client.system.health({}));
      const { checks } = health;
      printAnswer(terminal, options, health, () =>
        renderFields(
          [
            ['status', health.status],
            ['version', health.version],
            ['up for', duration(health.uptime_seconds * 1000)],
            ['storage', checks.storage],
            ['event bus', checks.event_bus],
            ['memory', `${checks.memory_usage_mb} MB`],
            ['active agents', `${checks.active_agents}`],
            ['queued writes', `${checks.event_queue_size}`],
          ],
          terminal,
        ),
      );
      if (health.status === 'unhealthy') {
        throw new CommandFailure('The sidecar is unhealthy.', {
          recovery: 'logs/sidecar.log in its data directory says why.',
        });
      }
    }),
  );
}
