import type { Contract } from '@orchestration-sidecar/shared';
import type { Implementation, Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';
import { agentProcedures } from './agents.ts';
import { auditProcedures } from './audit.ts';
import { cleanUpProcedures, pinProcedures } from './clean-up.ts';
import { consumerProcedures, deadLetterProcedures } from './consumers.ts';
import { contextProcedures } from './context.ts';
import { eventProcedures } from './events.ts';
import { issueProcedures } from './issues.ts';
import { logProcedures } from './logs.ts';
import { backupProcedures, mirrorProcedures } from './maintenance.ts';
import { profileProcedures, workflowProcedures } from './profiles.ts';
import { projectProcedures } from './projects.ts';
import { resultProcedures } from './results.ts';
import { systemProcedures } from './system.ts';
import { tokenProcedures } from './tokens.ts';

/** The whole contract, implemented: the compiler demands every noun and verb. */
export function implementContract(rooms: Rooms): readonly Implementation[] {
  const nouns: { readonly [Noun in keyof Contract]: Implementations<Contract[Noun]> } = {
    system: systemProcedures(rooms),
    projects: projectProcedures(rooms),
    tokens: tokenProcedures(rooms),
    issues: issueProcedures(rooms),
    context: contextProcedures(rooms),
    results: resultProcedures(rooms),
    events: eventProcedures(rooms),
    consumers: consumerProcedures(rooms),
    deadLetters: deadLetterProcedures(rooms),
    agents: agentProcedures(rooms),
    profiles: profileProcedures(rooms),
    workflows: workflowProcedures(rooms),
    audit: auditProcedures(rooms),
    backups: backupProcedures(rooms),
    mirrors: mirrorProcedures(rooms),
    cleanUp: cleanUpProcedures(rooms),
    pins: pinProcedures(rooms),
    logs: logProcedures(rooms),
  };
  return Object.values(nouns).flatMap((noun) => Object.values<Implementation>(noun));
}
