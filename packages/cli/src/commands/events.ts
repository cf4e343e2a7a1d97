import type { Command } from 'commander';
import type { SidecarEvent } from '@orchestration-sidecar/shared';
import { connects, printAnswer, reads, withClient, type ReadOptions } from '../client-command.ts';
import { EXIT } from '../exit-codes.ts';
import { CommandFailure } from '../failure.ts';
import { withExamples } from '../help-text.ts';
import { jsonObject, pointInTime, textArgument, wholeNumber } from '../option-values.ts';
import { whileWaiting } from '../progress.ts';
import { ProjectOption } from '../project-option.ts';
import { eventLine } from '../render/event.ts';
import { listenForStop } from '../stop-requests.ts';
import type { Terminal } from '../terminal.ts';

/** Longest single long-poll; a longer wait is made of several. */
const MAX_POLL_MS = 60_000;
const DEFAULT_WAIT_SECONDS = 30;
/** Events that `replay` reads at once. */
const REPLAY_PAGE_EVENTS = 500;

interface Selection extends ReadOptions {
  readonly project?: string;
  readonly topic?: string;
  readonly type?: string;
  readonly filter?: string;
  readonly cursor?: string;
}
interface TailOptions extends Selection {
  readonly all?: boolean;
}
interface ListOptions extends Selection {
  readonly since?: string;
  readonly before?: string;
  readonly limit?: number;
}
interface ReplayOptions extends Selection {
  readonly since?: string;
  readonly before?: string;
  readonly until?: string;
}
interface WaitOptions extends Omit<Selection, 'type'> {
  readonly timeout: number;
}
interface PublishOptions extends ReadOptions {
  readonly project?: string;
  readonly topic?: string;
  readonly issue?: string;
  readonly data?: string;
  readonly correlationId?: string;
  readonly round?: number;
  readonly references?: string;
  readonly ttlSeconds?: number;
  readonly idempotencyKey?: string;
}

/** `sidecar events`: the log of a project and everyone who follows it. */
export function addEvents(program: Command, terminal: Terminal): void {
  const events = program
    .command('events')
    .summary('follow, read and publish events')
    .description('The durable log of a project.');

  withExamples(
    selects(
      events
        .command('tail')
        .summary('follow the log live')
        .description(
          'Prints events as they are published, until Ctrl-C. Resumes by itself when the connection drops or the ' +
            'sidecar restarts. With --json, one event a line.',
        )
        .option('--type <event_type>', 'only events of a type')
        .option('--all', 'start with the oldest event that is kept')
        .option('--cursor <cursor>', 'start after this position'),
    ),
    'sidecar events tail',
    'sidecar events tail --topic coordination --filter "issue_id:shop-7"',
    'sidecar events tail --json | jq -r .event_type',
  ).action((options: TailOptions) => tail(options, terminal));

  withExamples(
    selects(
      events
        .command('list')
        .summary('read the log')
        .description('Reads the log page by page, oldest first.')
        .option('--type <event_type>', 'only events of a type')
        .option('--since <time>', 'published at or after: RFC 3339, or 15m for 15 minutes ago', pointInTime)
        .option('--before <time>', 'published before', pointInTime)
        .option('--cursor <cursor>', 'start after this position')
        .option('--limit <count>', 'most events to list (default 100)', wholeNumber),
    ),
    'sidecar events list --since 15m --topic error',
  ).action((options: ListOptions) =>
    withClient(options, terminal, async (client) => {
      const { since, before, limit, cursor: after } = options;
      const asked = client.events.list({ ...selectionOf(options), since, before, limit, after });
      const answer = await whileWaiting(terminal, 'Reading the log', asked);
      printAnswer(terminal, options, answer, (page) => page.events.map((event) => eventLine(event, terminal)));
      if (answer.more_available && !options.json) terminal.note(`There is more: add --cursor ${answer.next_cursor}`);
    }),
  );

  withExamples(
    selects(
      events
        .command('replay')
        .summary('read the log from one point to another')
        .description(
          'Prints every event that is kept between two positions or times, oldest first, and ends. With --json, one ' +
            'event a line.',
        )
        .option('--type <event_type>', 'only events of a type')
        .option('--since <time>', 'published at or after: RFC 3339, or 15m for 15 minutes ago', pointInTime)
        .option('--before <time>', 'published before', pointInTime)
        .option('--cursor <cursor>', 'start after this position')
        .option('--until <cursor>', 'end with this position'),
    ),
    'sidecar events replay --since 2h --topic coordination',
    'sidecar events replay --json > events.jsonl',
  ).action((options: ReplayOptions) => replay(options, terminal));

  withExamples(
    connects(
      events
        .command('publish <event_type>')
        .summary('publish an event')
        .description('Publishes an event; done when it is on disk. Prints the event’s id.')
        .option('--data <json>', 'payload: a JSON object, @file, or - for standard input')
        .option('--issue <issue>', 'issue that it is about: put into the payload as issue_id')
        .option('--topic <topic>', 'topic (default: the publisher’s own)')
        .addOption(new ProjectOption())
        .option('--correlation-id <id>', 'ties it to other events')
        .option('--round <number>', 'round of a feedback loop', wholeNumber)
        .option('--references <event_id>', 'event that it answers')
        .option('--ttl-seconds <seconds>', 'how long the log keeps it (default 86400)', wholeNumber)
        .option('--idempotency-key <key>', 'the same key publishes once, however often it is sent')
        .option('--json', 'print the whole answer as JSON'),
    ),
    'sidecar events publish release_approved --issue shop-7',
    `sidecar events publish tests_complete --topic testing --data '{"passed": 210}'`,
  ).action((eventType: string, options: PublishOptions) => publish(eventType, options, terminal));

  withExamples(
    selects(
      events
        .command('wait <event_type>')
        .summary('wait for an event')
        .description(
          'Waits until an event of a type (* for any) is there, and prints what matches. Starts with the oldest event ' +
            'that is kept, so that one published just before is not missed; --cursor latest waits for new ones only. ' +
            `Exits with ${EXIT.timedOut} when nothing came in time.`,
        )
        .option('--timeout <seconds>', 'longest wait', wholeNumber, DEFAULT_WAIT_SECONDS)
        .option('--cursor <cursor>', 'start after this position; latest for new events only'),
    ),
    'sidecar events wait architecture_defined --filter "issue_id:shop-7" --timeout 600',
  ).action((eventType: string, options: WaitOptions) => wait(eventType, options, terminal));
}

function selects(command: Command): Command {
  return reads(
    command
      .option('--topic <topic>', 'only events of a topic')
      .option('--filter <filter>', 'field:value[,field:value…]; a|b is OR, !field:value NOT, a trailing * a prefix')
      .addOption(new ProjectOption()),
  );
}

function selectionOf({ project, topic, type, filter }: Selection) {
  return { project_id: project, topic, event_type: type, filter };
}

async function tail(options: TailOptions, terminal: Terminal): Promise<void> {
  const { stop } = listenForStop();
  await withClient(options, terminal, async (client) => {
    const cursor = options.cursor ?? (options.all ? undefined : 'latest');
    let lost = false;
    const subscription = client.events.subscribe(
      { ...selectionOf(options), cursor },
      {
        signal: AbortSignal.any([stop, terminal.outputClosed]),
        onState: (state, error) => {
          if (state === 'connecting' && error && !lost) terminal.note('The connection is lost; trying again.');
          if (state === 'live' && lost) terminal.note('Connected again; nothing was missed.');
          lost = state === 'connecting' ? lost || error !== undefined : lost && state !== 'live';
        },
        onGap: () => terminal.note('Some events are no longer kept; going on with the oldest one.'),
      },
    );
    for await (const event of subscription) print(event, options, terminal);
  });
}

async function replay(options: ReplayOptions, terminal: Terminal): Promise<void> {
  const { since, before, until } = options;
  await withClient(options, terminal, async (client) => {
    let { cursor: after } = options;
    for (let more = true; more && !terminal.outputClosed.aborted;) {
      const asked = { ...selectionOf(options), since, before, until, after, limit: REPLAY_PAGE_EVENTS };
      const page = await whileWaiting(terminal, 'Reading the log', client.events.list(asked));
      for (const event of page.events) print(event, options, terminal);
      after = page.next_cursor;
      more = page.more_available;
    }
  });
}

async function publish(eventType: string, options: PublishOptions, terminal: Terminal): Promise<void> {
  const given = options.data === undefined ? {} : jsonObject(await textArgument(options.data, terminal), 'The payload');
  await withClient(options, terminal, async (client) => {
    const { topic, project, correlationId, round, references, ttlSeconds, idempotencyKey } = options;
    const asked = client.events.publish({
      event_type: eventType,
      topic,
      data: options.issue === undefined ? given : { ...given, issue_id: options.issue },
      project_id: project,
      correlation_id: correlationId,
      round,
      references,
      ttl_seconds: ttlSeconds,
      idempotency_key: idempotencyKey,
    });
    const answer = await whileWaiting(terminal, 'Publishing the event', asked);
    printAnswer(terminal, options, answer, () => [answer.event_id]);
  });
}

async function wait(eventType: string, options: WaitOptions, terminal: Terminal): Promise<void> {
  await withClient(options, terminal, async (client) => {
    const deadlineMs = performance.now() + options.timeout * 1000;
    const poll = async () => {
      let { cursor } = options;
      for (;;) {
        const leftMs = Math.max(0, Math.round(deadlineMs - performance.now()));
        const timeout = Math.min(leftMs, MAX_POLL_MS);
        const answer = await client.events.wait({ ...selectionOf(options), event_type: eventType, cursor, timeout });
        if (answer.events.length > 0 || timeout === leftMs) return answer;
        cursor = answer.next_cursor;
      }
    };
    const answer = await whileWaiting(terminal, `Waiting for ${eventType}`, poll());
    printAnswer(terminal, options, answer, (page) => page.events.map((event) => eventLine(event, terminal)));
    if (answer.events.length === 0) {
      throw new CommandFailure(`There was no ${eventType} within ${options.timeout} s.`, {
        exitCode: EXIT.timedOut,
        recovery: `Go on waiting with --cursor ${answer.next_cursor}, or allow more time with --timeout.`,
      });
    }
  });
}

function print(event: SidecarEvent, options: ReadOptions, terminal: Terminal): void {
  terminal.print(options.json ? JSON.stringify(event) : eventLine(event, terminal));
}
