import { describe, expect, it } from 'vitest';
import { runCommand } from './cli-process.ts';

/** Reports every module of the workspace outside of the command itself that is loaded. */
const REPORTING = `
import { registerHooks } from 'node:module';
registerHooks({
  load(url, context, next) {
    const [, name] = /\\/packages\\/(server|sdk|shared)\\/src\\//.exec(url) ?? [];
    if (name) process.stderr.write('loaded ' + name + ' ' + url.split('/src/').at(-1) + '\\n');
    return next(url, context);
  },
});`;
const sourceWith = ['--import', `data:text/javascript,${encodeURIComponent(REPORTING)}`];

describe('starting', () => {
  it.each([['--help'], ['issue', 'create', '--help'], ['completion', 'bash'], ['--version']])(
    'sidecar %s %s loads nothing but the command and the table of settings',
    async (...args) => {
      const { code, stderr } = await runCommand(args, { sourceWith });
      const loaded = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('loaded server runtime/'));
      expect({ code, loaded }).toEqual({ code: 0, loaded: [] });
    },
  );

  it('says which Node it needs to an older one', async () => {
    const older = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } });";
    const sourceWith = ['--import', `data:text/javascript,${encodeURIComponent(older)}`];
    const { code, stdout, stderr } = await runCommand(['--version'], { sourceWith });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^✗ sidecar needs Node 22\.\d+ or newer; this is Node 20\.20\.2\.\n {2}Install /);
  });

  it('a command that asks a sidecar does not load one', async () => {
    const { code, stderr } = await runCommand(['health', '--url', 'http://127.0.0.1:9'], { sourceWith });
    expect(code).toBe(3);
    expect(stderr).toContain('loaded sdk');
    // Where the data directory lies is the configuration's to say.
    const server = stderr.split('\n').filter((line) => line.startsWith('loaded server') && !line.includes(' runtime/'));
    expect(server).toEqual([]);
  });
});
