import type { Profile } from '@orchestration-sidecar/shared';
import type { MatrixRow } from '@orchestration-sidecar/server/profiles';
import type { Terminal } from '../terminal.ts';
import { duration } from './quantity.ts';
import { renderFields, renderTable, type TableTarget } from './table.ts';

/** Profiles as a table. */
export function profileTable(profiles: readonly Profile[], target: TableTarget): string[] {
  return renderTable(
    profiles,
    [
      { title: 'agent type', text: ({ agent_type }) => agent_type, style: () => 'bold' },
      { title: 'category', text: ({ category }) => category },
      { title: 'tier', text: ({ model }) => model.tier },
      { title: 'description', text: ({ description }) => description, flexible: true },
    ],
    target,
  );
}

/** One profile in full. */
export function profileLines(profile: Profile, terminal: Terminal): string[] {
  const { limits, model } = profile;
  return renderFields(
    [
      ['agent type', profile.agent_type],
      ['name', profile.name],
      ['category', `${profile.category}, ${profile.section}`],
      ['for', profile.description],
      ['languages', profile.languages.join(', ') || 'any'],
      ['capabilities', profile.capabilities.join(', ')],
      [
        'model',
        model.fallback === null
          ? model.tier
          : `${model.tier}, else ${model.fallback} when ${model.fallback_when.join(', ')}`,
      ],
      ['sees', profile.context_requirements.join(', ')],
      ['hears', profile.event_subscriptions.map(({ topic, event_types }) => channel(topic, event_types)).join('\n')],
      ['publishes', profile.publishes.map(({ topic, event_types }) => channel(topic, event_types)).join('\n')],
      ['hands over', profile.hand_over.map(({ agent_type, when }) => `${agent_type} (${when})`).join(', ')],
      ['may', profile.permissions.join(', ')],
      ['authority', `${profile.authority_level} of 10`],
      [
        'limits',
        `${duration(limits.wall_seconds * 1000)}, ${limits.memory_mb} MiB, ${limits.tokens} tokens, ${limits.max_retries} ${limits.max_retries === 1 ? 'retry' : 'retries'}`,
      ],
      ['launcher', [profile.launcher.kind, profile.launcher.program ?? ''].join(' ').trim()],
      ['prompt', profile.prompt],
    ],
    terminal,
  );
}

/** The capability matrix. */
export function matrixTable(matrix: readonly MatrixRow[], target: TableTarget): string[] {
  return renderTable(
    matrix,
    [
      { title: 'agent type', text: ({ agent_type }) => agent_type, style: () => 'bold' },
      { title: 'category', text: ({ category }) => category },
      { title: 'rwps', text: (row) => lettersOf(row) },
      { title: 'authority', text: ({ authority_level }) => `${authority_level}`, align: 'right' },
      { title: 'publishes', text: ({ publishes }) => publishes.join(' '), flexible: true },
      { title: 'hears', text: ({ hears }) => hears.join(' '), flexible: true },
    ],
    target,
  ).concat(target.paint('dim', 'r: reads context  w: writes results  p: publishes events  s: spawns agents'));
}

function lettersOf({ permissions }: MatrixRow): string {
  const { read_context, write_results, publish_events, spawn_agents } = permissions;
  return `${read_context ? 'r' : '-'}${write_results ? 'w' : '-'}${publish_events ? 'p' : '-'}${spawn_agents ? 's' : '-'}`;
}

function channel(topic: string, eventTypes: readonly string[] | undefined): string {
  return eventTypes === undefined ? topic : `${topic}: ${eventTypes.join(', ')}`;
}
