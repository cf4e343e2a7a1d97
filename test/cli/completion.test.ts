import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runInProcess } from './command-in-process.ts';

// A folder with two files, and a `sidecar` that prints a table as the real one does: shells run it for values.
const folder = mkdtempSync(join(tmpdir(), 'sidecar-completion-'));
const environment = { PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`, HOME: folder, TERM: 'dumb' };

beforeAll(async () => {
  mkdirSync(join(folder, 'bin'));
  const program = join(folder, 'bin', 'sidecar');
  writeFileSync(program, `#!/bin/sh\nprintf 'A  B\\none-of-%s  two-of-%s\\nother  row\\n' "$1" "$1"\n`);
  chmodSync(program, 0o755);
  for (const name of ['result.json', 'result.txt']) writeFileSync(join(folder, name), '{}');
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { stdout } = await runInProcess(['completion', shell]);
    writeFileSync(join(folder, `completion.${shell}`), stdout);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

function lines(output: string): string[] {
  return output.split(/\r?\n/).filter((line) => line !== '');
}

/** What each shell offers for a line, the cursor at its end. */
const OFFERED = {
  bash(line: string): string[] {
    const words = line.replaceAll('=', ' = ').split(' ');
    const program = `source completion.bash
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}) COMP_CWORD=${words.length - 1}
_sidecar
printf '%s\\n' "\${COMPREPLY[@]}"`;
    return lines(run('bash', ['--norc', '-c', program]));
  },
  fish(line: string): string[] {
    const program = `source completion.fish; complete -C '${line}'`;
    return lines(run('fish', ['--no-config', '-c', program])).map((each) => each.split('\t')[0] ?? '');
  },
  // A shell in a pseudo-terminal, which lists what it offers when Tab is pressed.
  zsh(line: string): string[] {
    const program = `zmodload zsh/zpty
zpty -b shell zsh -f -i
send() { zpty -w shell "$1"; }
send 'PS1= PROMPT= RPROMPT=; cd ${folder}; autoload -Uz compinit; compinit -u -d ${folder}/zcompdump; source ./completion.zsh'
send 'zstyle ":completion:*" verbose no; setopt no_beep no_list_types; LISTMAX=0 COLUMNS=200 LINES=500'
send 'compadd() { local -a kept; builtin compadd -O kept "$@"; print -rl -- $kept >> ${folder}/offered; builtin compadd "$@"; }'
send 'one() { : > ${folder}/offered; _main_complete; print end >> ${folder}/offered; }; zle -C one list-choices one; bindkey "^I" one'
rm -f offered
zpty -n -w shell ${quoted(line)}$'\\t'
for i in {1..200}; do [[ -s offered && "$(tail -n 1 offered)" == end ]] && break; sleep 0.05; done
zpty -d shell
cat offered`;
    // Some functions of zsh offer the same in two ways.
    return [...new Set(lines(run('zsh', ['-f', '-c', program])).slice(0, -1))];
  },
};

function quoted(text: string): string {
  return `'${text}'`;
}

function run(shell: string, args: readonly string[]): string {
  return execFileSync(shell, args, { cwd: folder, env: environment, encoding: 'utf8' });
}

const SHELLS = ['bash', 'zsh', 'fish'] as const;

describe.each(SHELLS)('in %s', (shell) => {
  const isHere = spawnSync(shell, ['--version']).status === 0;
  const offered = (line: string): string[] => OFFERED[shell](line);

  it.skipIf(!isHere)(`completes commands, options and their values${isHere ? '' : ` (no ${shell} is here)`}`, () => {
    expect(offered('sidecar is')).toEqual(['issue']);
    expect(offered('sidecar issue ')).toEqual(expect.arrayContaining(['create', 'list', 'show', 'watch']));
    expect(offered('sidecar issue list --st')).toEqual(['--status']);
    expect(offered('sidecar events tail --json --top')).toEqual(['--topic']);
    expect(offered('sidecar completion ')).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']));
    expect(offered('sidecar issue list --status ru')).toEqual(['running']);
    expect(offered('sidecar workflow graph x --format m')).toEqual(['mermaid']);
    expect(offered('sidecar serve --log-level d')).toEqual(['debug']);
  });

  it.skipIf(!isHere)(`asks the sidecar for names${isHere ? '' : ` (no ${shell} is here)`}`, () => {
    expect(offered('sidecar spawn ')).toEqual(expect.arrayContaining(['one-of-profiles', 'other']));
    expect(offered('sidecar spawn rust-pro --issue ot')).toEqual(['other']);
    expect(offered('sidecar context --max-tokens 5 shop-7 one')).toEqual(['one-of-profiles']);
    expect(offered('sidecar agents logs two')).toEqual(['two-of-agents']);
    expect(offered('sidecar workflow graph --format text one')).toEqual(['one-of-workflow']);
  });

  it.skipIf(!isHere)(`completes files${isHere ? '' : ` (no ${shell} is here)`}`, () => {
    // Bash itself offers files where the script offers nothing.
    const files = shell === 'bash' ? [] : ['result.json', 'result.txt'];
    expect(offered('sidecar results store shop-7 result').toSorted()).toEqual(files);
    expect(offered('sidecar status --ca-file result').toSorted()).toEqual(files);
    expect(offered('sidecar token inspect result').toSorted()).toEqual(files);
  });
});

it('takes --option=value in bash as well', () => {
  expect(OFFERED.bash('sidecar issue list --status=ru')).toEqual(['running']);
});

it('refuses other shells', async () => {
  expect((await runInProcess(['completion', 'tcsh'])).code).toBe(2);
});
