import { agents } from './agents.ts';
import { audit } from './audit.ts';
import { backups } from './backups.ts';
import { cleanUp } from './clean-up.ts';
import { consumers, deadLetters } from './consumers.ts';
import { context } from './context.ts';
import { events } from './events.ts';
import { issues } from './issues.ts';
import { logs } from './logs.ts';
import { mirrors } from './mirrors.ts';
import { pins } from './pins.ts';
import { profiles, workflows } from './profiles.ts';
import { projects } from './projects.ts';
import { results } from './results.ts';
import { system } from './system.ts';
import { tokens } from './tokens.ts';
import type { Procedure } from '../procedure.ts';

/**
 * Everything that can be asked of a sidecar: noun → verb → entry. The tRPC router, the REST routes, the OpenAPI
 * document and the SDK are made from this one tree, so they cannot disagree.
 */
export const contract = {
  system,
  projects,
  tokens,
  issues,
  context,
  results,
  events,
  consumers,
  deadLetters,
  agents,
  profiles,
  workflows,
  audit,
  backups,
  mirrors,
  cleanUp,
  pins,
  logs,
} as const;

/** The contract's type. */
export type Contract = typeof contract;

/** All entries in one list. */
export const procedures: readonly Procedure[] = Object.values(contract).flatMap((noun) =>
  Object.values<Procedure>(noun),
);
