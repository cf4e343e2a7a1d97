import { z } from 'zod';

/** What a token may allow (specification "Authorization Rules"). */
export const PERMISSIONS = ['read_context', 'write_results', 'publish_events', 'spawn_agents'] as const;

/** One permission of a token. */
export const Permission = z.enum(PERMISSIONS).meta({ id: 'Permission', description: 'Permission of a token.' });
export type Permission = z.infer<typeof Permission>;

/** Kind of work a profile does; decides its rows in the permission matrix and the topic table. */
export const AgentCategory = z
  .enum(['architecture', 'coding', 'qa-security', 'devops', 'documentation', 'support'])
  .meta({ id: 'AgentCategory', description: 'Category of the agent type.' });
export type AgentCategory = z.infer<typeof AgentCategory>;

/**
 * What a profile of each category may hold at most (specification "Authorization Rules", DECISIONS 11).
 * `spawn_agents` belongs to the chief architect alone, which is why it stands in a profile and not here.
 */
export const CATEGORY_PERMISSIONS: Readonly<Record<AgentCategory, readonly Permission[]>> = {
  architecture: ['read_context', 'write_results', 'publish_events'],
  coding: ['read_context', 'write_results', 'publish_events'],
  'qa-security': ['read_context', 'write_results', 'publish_events'],
  devops: ['read_context', 'write_results', 'publish_events'],
  documentation: ['read_context', 'write_results'],
  support: ['read_context'],
};
