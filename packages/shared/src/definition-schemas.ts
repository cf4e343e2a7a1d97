import { z } from 'zod';
import { Profile, ProfileOverlay } from './profile.ts';
import { Workflow } from './workflow.ts';

/**
 * JSON Schemas (draft 2020-12) by file name, for editors to complete and check definition files with. Profiles of
 * one's own that name all fields use `profile.schema.json`, files that change some fields of a built-in profile
 * `profile-overlay.schema.json`.
 */
export function definitionSchemas(): Record<string, object> {
  return {
    'profile.schema.json': z.toJSONSchema(Profile, { io: 'input' }),
    'profile-overlay.schema.json': z.toJSONSchema(ProfileOverlay, { io: 'input' }),
    'workflow.schema.json': z.toJSONSchema(Workflow, { io: 'input' }),
  };
}
