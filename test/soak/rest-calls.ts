import { contract, fromProblem, type Procedure } from '@orchestration-sidecar/shared';
import { createResources, type Resources } from '../../packages/sdk/src/resources.ts';

/** The contract’s calls over plain REST, without the SDK’s repeating. `token` is asked before each. */
export function restCalls(url: string, token: () => string): Resources {
  return createResources(
    contract,
    (entry) =>
      (input = {}) =>
        callRest(url, token(), entry, input),
  );
}

async function callRest(url: string, token: string, { rest }: Procedure, input: object): Promise<unknown> {
  const left = new Map<string, unknown>(Object.entries(input));
  const path = rest.path.replaceAll(/:(\w+)/g, (_all, name: string) => {
    const value = encodeURIComponent(String(left.get(name)));
    left.delete(name);
    return value;
  });
  const query = new URLSearchParams([...left].map(([name, value]) => [name, String(value)]));
  const hasBody = rest.method === 'POST';
  const response = await fetch(`${url}${path}${hasBody ? '' : `?${query.toString()}`}`, {
    method: rest.method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(hasBody && { body: JSON.stringify(Object.fromEntries(left)) }),
  });
  const body = await response.json();
  if (!response.ok) throw fromProblem(body) ?? new Error(`${path}: ${response.status} without a problem document`);
  return body;
}
