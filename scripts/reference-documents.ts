import {
  ERRORS,
  LIFECYCLE_EVENTS,
  procedures,
  TOPIC_PUBLISHERS,
  TOPICS,
  isKnownTopic,
} from '@orchestration-sidecar/shared';
import { format } from 'oxfmt';
import { createProgram } from '../packages/cli/src/program.ts';
import { renderConfigurationReference } from '../packages/cli/src/render/configuration-reference.ts';
import { renderReference } from '../packages/cli/src/render/reference.ts';
import { processTerminal } from '../packages/cli/src/terminal.ts';
import { CHANGELOG, changelog } from './changelog.ts';

/** The generated pages, by path. */
export async function referenceDocuments(): Promise<Record<string, string>> {
  const pages = { errors: errorsPage(), events: eventsPage(), rest: restPage(), sdk: sdkPage() };
  const made = Object.entries(pages).map(async ([name, text]) => {
    const path = `docs/reference/${name}.md`;
    return [path, (await format(path, text, { printWidth: 120 })).code] as const;
  });
  return {
    ...Object.fromEntries(await Promise.all(made)),
    'docs/cli.md': renderReference(createProgram(processTerminal())),
    'docs/configuration.md': renderConfigurationReference(),
    [CHANGELOG]: await changelog(),
  };
}

const NOTE = 'Made from the code by `npm run generate`.';

function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(([code, { http, retryable, title, recovery }]) => [
    `\`${code}\``,
    String(http),
    retryable ? 'yes' : 'no',
    title,
    recovery,
  ]);
  return `# Errors\n\n${NOTE} Switch on the code, never on a message.\n\n${table(['code', 'status', 'retryable', 'what it says', 'what to do next'], rows)}`;
}

function eventsPage(): string {
  const publishers: Readonly<Record<string, { category: string; agentType?: string }>> = TOPIC_PUBLISHERS;
  const rows = TOPICS.filter(isKnownTopic).map((topic) => {
    const row = publishers[topic];
    const who =
      topic === 'error'
        ? 'every agent, about itself'
        : topic === 'coordination'
          ? 'the sidecar'
          : (row?.agentType ?? row?.category ?? '');
    return [`\`${topic}\``, who];
  });
  const lifeCycle = Object.entries(LIFECYCLE_EVENTS).map(([type, tells]) => [`\`${type}\``, tells]);
  return `# Events\n\n${NOTE}\n\n## Topics\n\nOther names are custom topics, for whoever may publish.\n\n${table(['topic', 'whose work it carries'], rows)}\n## Life cycle\n\nOn \`coordination\`, published by the sidecar alone. What each carries about an agent is in [agents](../agents.md#failing).\n\n${table(['event', 'what it tells'], lifeCycle)}`;
}

function restPage(): string {
  const rows = procedures.map(({ name, rest, summary, access, errors }) => [
    `\`${rest.method} ${rest.path}\``,
    `\`${name}\``,
    summary,
    access,
    errors.map((code) => `\`${code}\``).join(' '),
  ]);
  return `# REST\n\n${NOTE} A running sidecar shows the same in full, with schemas and examples, at \`/docs\`, and as OpenAPI 3.1 at \`/openapi.json\`.\n\n${table(['route', 'procedure', 'what it does', 'who may', 'errors of its own'], rows)}`;
}

function sdkPage(): string {
  const rows = procedures.map(({ name, kind, summary }) => [`\`client.${name}()\``, kind, summary]);
  return `# SDK\n\n${NOTE} Inputs and answers are those of the contract; every name that can be imported is in [the report of the public surface](../../packages/sdk/api-report.md).\n\n${table(['call', 'kind', 'what it does'], rows)}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return `${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}

function line(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
}
