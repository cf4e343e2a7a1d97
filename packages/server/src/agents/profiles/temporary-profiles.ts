import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Profile } from '@orchestration-sidecar/shared';

/** A folder of profiles that tests write into. */
export interface TemporaryProfiles extends Disposable {
  readonly root: string;
  /** Writes a file below the folder, as JSON unless it is text already, and answers its path. */
  write(path: string, content: unknown): string;
}

/** Makes an empty folder that goes away with its scope. */
export function temporaryProfiles(): TemporaryProfiles {
  const root = mkdtempSync(join(tmpdir(), 'profiles-'));
  return {
    root,
    write(path, content) {
      const file = join(root, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
      return file;
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** A complete profile, coding unless said otherwise. */
export function profileOf(agentType: string, fields: Partial<Profile> = {}): Profile {
  return Profile.parse({
    agent_type: agentType,
    name: agentType,
    section: 'test',
    category: 'coding',
    description: 'For tests.',
    languages: [],
    capabilities: ['anything'],
    model: { tier: 'haiku', fallback: null, fallback_when: [] },
    context_requirements: ['project_structure'],
    event_subscriptions: [],
    publishes: [],
    hand_over: [],
    permissions: ['read_context', 'write_results'],
    authority_level: 5,
    limits: { wall_seconds: 60, memory_mb: 256, cpu_seconds: 60, output_mb: 1, tokens: 10_000, max_retries: 1 },
    launcher: { kind: 'claude' },
    prompt: 'Work.',
    ...fields,
  });
}
