import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Files of a small project in two languages, with a test and a README. */
const FILES: Readonly<Record<string, string>> = {
  'README.md': '# Greeter\n\nSays hello.\n',
  'requirements.txt': 'fastapi==0.110.0\npytest\n',
  'src/greeter.py': 'def greet(name):\n    return f"hello {name}"\n',
  'tests/test_greeter.py':
    'from src.greeter import greet\n\n\ndef test_greet():\n    assert greet("you") == "hello you"\n',
  'package.json': '{ "name": "greeter", "dependencies": { "zod": "4" } }\n',
};

/** Makes a git repository with one commit in a temporary directory; answers its path. */
export function makeGitProject(files: Readonly<Record<string, string>> = FILES): string {
  const root = mkdtempSync(join(tmpdir(), 'sidecar-project-'));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  git(root, 'init', '--quiet', '--initial-branch=main');
  git(root, 'add', '--all');
  git(root, 'commit', '--quiet', '--message', 'Initial commit');
  return root;
}

/** Runs git in a repository as a test author, whatever the machine’s configuration. */
export function git(root: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.org', '-c', 'commit.gpgsign=false'];
  return execFileSync('git', ['-C', root, ...identity, ...args], { encoding: 'utf8' });
}
