import { basename } from 'node:path';
import { Profile, Workflow } from '@orchestration-sidecar/shared';
import type { z } from 'zod';
import { profileFaults } from './profile-faults.ts';
import { readDirectory, type DefinitionFile } from './read-directory.ts';

/** Something wrong with a definition file; whatever can be used all the same is used. */
export interface ProfileProblem {
  /** File, or directory, that the problem is in. */
  readonly file: string;
  readonly message: string;
}

/** A profile or workflow and the file that had the last word on it. */
export interface Defined<T> {
  readonly value: T;
  readonly file: string;
}

type JsonFields = Readonly<Record<string, unknown>>;

/** Content of each file when it was last usable. */
export type LastGood = ReadonlyMap<string, JsonFields>;

/** Everything that a list of profiles directories says. */
export interface Definitions {
  readonly profiles: ReadonlyMap<string, Defined<Profile>>;
  readonly workflows: ReadonlyMap<string, Defined<Workflow>>;
  readonly problems: readonly ProfileProblem[];
  /** To hand to the next load, so that a file broken meanwhile still counts as it was. */
  readonly lastGood: LastGood;
}

/**
 * Reads profiles directories, the built-in one first. A later file extends the profile of its agent type field by
 * field (`limits` and `model` are joined, other fields replaced); a workflow replaces the one of its name. A file
 * that cannot be used is reported, and counts as `lastGood` knows it or not at all.
 */
export function loadProfiles(directories: readonly string[], lastGood: LastGood = new Map()): Definitions {
  const profiles = new Map<string, Defined<Profile>>();
  const workflows = new Map<string, Defined<Workflow>>();
  const problems: ProfileProblem[] = [];
  const good = new Map<string, JsonFields>();

  const take = (definition: DefinitionFile, fields: JsonFields, takenHere: Set<string>): void => {
    const { file } = definition;
    if (definition.holds === 'workflow') {
      const value = { name: stem(file), ...withoutSchema(fields) };
      const workflow = parse(Workflow, value);
      claim(takenHere, `workflow '${workflow.name}'`);
      workflows.set(workflow.name, { value: workflow, file });
    } else {
      const agentType = typeof fields['agent_type'] === 'string' ? fields['agent_type'] : stem(file);
      const value = extend(profiles.get(agentType)?.value, { agent_type: agentType, ...withoutSchema(fields) });
      const profile = parse(Profile, value);
      const faults = profileFaults(profile);
      if (faults.length > 0) throw new Error(faults.join('; '));
      claim(takenHere, `agent type '${profile.agent_type}'`);
      profiles.set(profile.agent_type, { value: profile, file });
    }
    good.set(file, fields);
  };

  for (const directory of directories) {
    const takenHere = new Set<string>();
    for (const definition of readDirectory(directory)) {
      const { file } = definition;
      try {
        take(definition, readFields(definition.text), takenHere);
      } catch (cause) {
        problems.push({ file, message: reason(cause) });
        const before = lastGood.get(file);
        if (before === undefined) continue;
        try {
          take(definition, before, takenHere);
        } catch (stale) {
          // It was good on top of another base than today's.
          problems.push({ file, message: `its last good content no longer fits: ${reason(stale)}` });
        }
      }
    }
  }
  return { profiles, workflows, problems, lastGood: good };
}

function readFields(text: string | Error): JsonFields {
  if (text instanceof Error) throw text;
  const value: unknown = JSON.parse(text);
  if (!isFields(value)) throw new Error('is not a JSON object');
  return value;
}

function parse<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Error(parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'file'}: ${message}`).join('; '));
}

function extend(base: Profile | undefined, fields: JsonFields): JsonFields {
  if (base === undefined) return fields;
  return { ...base, ...fields, limits: join(base.limits, fields['limits']), model: join(base.model, fields['model']) };
}

/** A value that is not an object is kept, for the schema to refuse. */
function join(base: JsonFields, change: unknown): unknown {
  return change === undefined ? base : isFields(change) ? { ...base, ...change } : change;
}

function claim(taken: Set<string>, name: string): void {
  if (taken.has(name)) throw new Error(`${name} is already defined by another file of this directory`);
  taken.add(name);
}

function withoutSchema({ $schema: _, ...fields }: JsonFields): JsonFields {
  return fields;
}

function isFields(value: unknown): value is JsonFields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function stem(file: string): string {
  return basename(file, '.json');
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
