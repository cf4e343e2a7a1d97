import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { runCommand } from './cli-process.ts';

/** What bash offers for a line, the cursor at its end. */
function completed(script: string, line: string): string[] {
  const words = line.split(' ');
  const program = `${script}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}) COMP_CWORD=${words.length - 1}
_sidecar
printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['--norc', '-c', program], { encoding: 'utf8' }).trim().split('\n');
}

describe('sidecar completion', () => {
  it('completes commands, options and choices in bash', async () => {
    const { stdout: script } = await runCommand(['completion', 'bash']);
    expect(completed(script, 'sidecar is')).toEqual(['issue']);
    expect(completed(script, 'sidecar issue ')).toEqual(expect.arrayContaining(['create', 'list', 'show', 'watch']));
    expect(completed(script, 'sidecar issue list --st')).toEqual(['--status']);
    expect(completed(script, 'sidecar events tail --json --top')).toEqual(['--topic']);
    expect(completed(script, 'sidecar completion ')).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']));
  });

  it.each(['zsh', 'fish'])('knows every command in %s', async (shell) => {
    const { code, stdout } = await runCommand(['completion', shell]);
    expect(code).toBe(0);
    for (const path of ['issue create', 'serve', 'profiles matrix']) expect(stdout).toContain(path);
  });

  it('refuses other shells', async () => {
    expect((await runCommand(['completion', 'tcsh'])).code).toBe(2);
  });
});
