import { OPERATOR_PUBLISHER, PERMISSIONS, type Permission } from '@orchestration-sidecar/shared';

/** The person (or script) that holds the operator token: may do everything in every project. */
export interface OperatorPrincipal {
  readonly kind: 'operator';
}

/** An agent, as its verified token says. */
export interface AgentPrincipal {
  readonly kind: 'agent';
  readonly agentId: string;
  readonly agentType: string;
  readonly projectId: string;
  readonly permissions: readonly Permission[];
  readonly tokenId: string;
  readonly expiresAtMs: number;
}

/** Someone without a token; reaches public procedures only. */
export interface AnonymousPrincipal {
  readonly kind: 'anonymous';
}

/** Who calls. */
export type Principal = OperatorPrincipal | AgentPrincipal | AnonymousPrincipal;

/** Who calls, when a token was required. */
export type KnownPrincipal = OperatorPrincipal | AgentPrincipal;

/** Whether the principal holds a permission. */
export function holds(principal: Principal, permission: Permission): boolean {
  return permissionsOf(principal).includes(permission);
}

/** Permissions of a principal; the operator holds all. */
export function permissionsOf(principal: Principal): readonly Permission[] {
  if (principal.kind === 'operator') return PERMISSIONS;
  return principal.kind === 'agent' ? principal.permissions : [];
}

/** Names a principal in events, logs and keys: its agent id, or `operator`. */
export function principalName(principal: KnownPrincipal): string {
  return principal.kind === 'agent' ? principal.agentId : OPERATOR_PUBLISHER;
}

/** The agent type of a principal, or `operator`. */
export function principalType(principal: KnownPrincipal): string {
  return principal.kind === 'agent' ? principal.agentType : OPERATOR_PUBLISHER;
}
