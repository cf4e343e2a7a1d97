import { z } from 'zod';
import { AgentId, AgentType, ProjectId } from './ids.ts';
import { Permission } from './permission.ts';

/** Claims of an agent token (specification "Agent Authentication", DECISIONS 17; RFC 7519). */
export const TokenClaims = z
  .object({
    sub: AgentId,
    agent_type: AgentType,
    project_id: ProjectId,
    permissions: z.array(Permission),
    iss: z.string(),
    aud: z.string(),
    jti: z.string().min(1),
    iat: z.int(),
    nbf: z.int(),
    exp: z.int(),
  })
  .meta({ id: 'TokenClaims' });
export type TokenClaims = z.infer<typeof TokenClaims>;
