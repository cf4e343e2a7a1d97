import { contract, type AgentContext } from '@orchestration-sidecar/shared';
import { renderMarkdown } from '../../context/index.ts';
import type { KnownPrincipal } from '../../runtime/principal.ts';
import { implement, type Call, type Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';
import { issueMeantBy, mustReadAs } from './scope.ts';

export function contextProcedures(rooms: Rooms): Implementations<typeof contract.context> {
  const { agents, brief, context, profiles } = rooms;
  type Target = {
    readonly issue_id: string;
    readonly agent_type: string;
    readonly project_id?: string | undefined;
    readonly max_bytes?: number | undefined;
    readonly max_tokens?: number | undefined;
  };
  const gather = (input: Target, { principal, signal }: Call<KnownPrincipal>): Promise<AgentContext> => {
    mustReadAs(principal, input.agent_type);
    const profile = profiles.require(input.agent_type);
    const { issue, project } = issueMeantBy(rooms, principal, input);
    const assignment = principal.kind === 'agent' ? agents.assignmentOf(principal.agentId) : undefined;
    return brief({
      project,
      issueId: issue.issue_id,
      profile,
      requirements: assignment?.requirements ?? profile.context_requirements,
      task: assignment?.task ?? null,
      maxBytes: input.max_bytes,
      maxTokens: input.max_tokens,
      signal,
    });
  };

  return {
    get: implement(contract.context.get, gather),
    prompt: implement(contract.context.prompt, async (input, call) => ({
      prompt: renderMarkdown(await gather(input, call)),
    })),
    file: implement(contract.context.file, (input, { principal, signal }) => {
      mustReadAs(principal, input.agent_type);
      profiles.require(input.agent_type);
      const { project } = issueMeantBy(rooms, principal, input);
      return context.file({ project, path: input.path, signal });
    }),
    clear: implement(contract.context.clear, (input, { principal }) => {
      const { issue, project } = issueMeantBy(rooms, principal, input);
      return { cleared: true, entries_removed: context.clear(project.project_id, issue.issue_id) };
    }),
  };
}
