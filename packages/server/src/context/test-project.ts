import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ContextRequirement, Profile } from '@orchestration-sidecar/shared';
import type { ContextRequest } from './request.ts';

/** A directory that a test fills, and git in it. Disposing removes it. */
export class TestProject implements Disposable {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'sidecar-context-')));

  write(files: Readonly<Record<string, string | Uint8Array>>): this {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(this.root, path)), { recursive: true });
      writeFileSync(join(this.root, path), content);
    }
    return this;
  }

  git(...args: string[]): string {
    const identity = [
      '-c',
      'user.name=Test',
      '-c',
      'user.email=test@localhost',
      '-c',
      'init.defaultBranch=main',
      '-c',
      'protocol.file.allow=always',
    ];
    return execFileSync('git', [...identity, ...args], {
      cwd: this.root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  commit(message: string): this {
    this.git('add', '--all');
    this.git('commit', '--quiet', '--message', message);
    return this;
  }

  /** Makes many commits at once, each of one file, on a branch that is then checked out. */
  commits(changes: readonly { readonly message: string; readonly path: string; readonly content: string }[]): this {
    const stream = changes.map(
      ({ message, path, content }, index) =>
        `commit refs/heads/many\ncommitter Test <test@localhost> ${1_700_000_000 + index} +0000\n${dataOf(message)}${
          index === 0 ? 'from HEAD\n' : ''
        }M 100644 inline ${path}\n${dataOf(content)}`,
    );
    execFileSync('git', ['fast-import', '--quiet'], { cwd: this.root, input: stream.join('\n') });
    this.git('checkout', '--quiet', 'many');
    return this;
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Text as git’s fast-import takes it. */
function dataOf(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}\n`;
}

/** A profile of a coding agent, with other requirements where a test wants them. */
export function testProfile(
  requirements: readonly ContextRequirement[] = ['project_structure', 'git_context', 'relevant_files'],
): Profile {
  return {
    agent_type: 'python-specialist',
    name: 'Python Specialist',
    section: 'Languages',
    category: 'coding',
    description: 'Writes Python.',
    languages: ['python'],
    capabilities: ['python'],
    model: { tier: 'sonnet', fallback: null, fallback_when: [] },
    context_requirements: [...requirements],
    event_subscriptions: [],
    publishes: [],
    hand_over: [],
    permissions: ['read_context'],
    authority_level: 5,
    limits: {
      wall_seconds: 60,
      memory_mb: 256,
      cpu_seconds: 60,
      output_mb: 16,
      processes: 64,
      tokens: 10_000,
      cost_usd: null,
      max_retries: 0,
    },
    launcher: { kind: 'script', args: [] },
    environment: [],
    spawn_environment: [],
    prompt: 'Write Python.',
  };
}

/** A request for a test project’s context. */
export function testRequest(
  project: TestProject,
  over: Partial<ContextRequest> & { title?: string; body?: string } = {},
): ContextRequest {
  const { title = 'Fix the login of users', body = '', ...rest } = over;
  const profile = rest.profile ?? testProfile();
  return {
    project: { project_id: 'project', root: project.root },
    issue: { issue_id: 'issue-1', title, body },
    profile,
    requirements: profile.context_requirements,
    task: null,
    previous: [],
    lastBuildStatus: null,
    maxBytes: 1024 * 1024,
    signal: new AbortController().signal,
    ...rest,
  };
}
