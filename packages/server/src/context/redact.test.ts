import { describe, expect, it } from 'vitest';
import { redact, redactLine } from './redact.ts';

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789';
const kind = 'PRIVATE';
const BEGIN = `-----BEGIN RSA ${kind} KEY-----`;
/** Made here, so that no scanner of this repository takes a test for a leak. */
const fake = {
  github: `ghp_${letters.slice(0, 36)}`,
  aws: ['AKIA', 'QZ3XW7RT5PLM2KJ9'].join(''),
  openai: `sk-${letters.slice(0, 40)}`,
  key: `${BEGIN}\n${letters}\n${letters}\n-----END RSA ${kind} KEY-----`,
};

describe('redact', () => {
  it('replaces secrets and leaves the code around them', async () => {
    const text = `const a = '${fake.github}';\nconst b = "${fake.aws}";\nurl = postgres://admin:s3cr3tpw@db/x\n${fake.key}\nreturn a;\n`;
    const clean = await redact(text, 'src/a.ts', 'sha256:1');
    for (const secret of [fake.github, fake.aws, 's3cr3tpw', letters]) expect(clean.text).not.toContain(secret);
    expect(clean.text).toContain("const a = '[redacted: ");
    expect(clean.text).toMatch(/^url = \[redacted: [^\n]*\]$/m);
    expect(clean.text.endsWith('\nreturn a;\n')).toBe(true);
    expect(clean.redactions).toBe(4);
  });

  it.each([
    ['an encrypted key', (s: string) => `${BEGIN}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,01AB\n\n${s}\n`],
    ['a URL without a user', (s: string) => `redis://:${s}@cache:6379`],
    ['a URL whose password begins as an example', (s: string) => `postgres://admin:test${s}@db/x`],
    ['a connection string', (s: string) => `Server=tcp:x;User ID=sa;Password=${s};Encrypt=true`],
    ['a storage account', (s: string) => `AccountName=a;AccountKey=${s}${s}==;EndpointSuffix=x`],
    ['a query', (s: string) => `jdbc:mysql://h/db?user=root&password=${s}`],
    ['a header', (s: string) => `curl -H "Authorization: Bearer ${s}"`],
    ['an option', (s: string) => `curl -s -u admin:${s} https://x`],
    ['an element', (s: string) => `<password>${s}</password>`],
    ['an attribute', (s: string) => `<add key="ApiToken" value="${s}" />`],
    ['an argument', (s: string) => `define('DB_PASSWORD', '${s}');`],
    ['an object’s key', (s: string) => `{ secretAccessKey: "${s}" }`],
    ['a bare value', (s: string) => `services:\n  db_password: ${s}\n`],
    ['a variable of an image', (s: string) => `ENV API_KEY ${s}`],
    ['a registry’s token', (s: string) => `//npm.example/:_authToken=${s}`],
  ])('finds a secret in %s', async (where, write) => {
    const secret = letters.slice(-24);
    expect((await redact(write(secret), 'a.txt', where)).text).not.toContain(secret);
  });

  it('leaves expressions and types of programs alone', async () => {
    const text = `token = nextToken2\nprivateKey: Uint8Array\npassword=args.password1\nsecret = derive32(key)\n`;
    expect(await redact(text, 'src/b.py', 'sha256:4')).toEqual({ text, redactions: 0 });
  });

  it('leaves code that only speaks of secrets', async () => {
    const text = `password = prompt("password")\nsecret: "your-secret-here"\nhttps://user:password@example.com\napi_key = config.apiKey\n`;
    expect(await redact(text, 'src/b.py', 'sha256:2')).toEqual({ text, redactions: 0 });
  });

  it('leaves no marks in the process’s timeline, which nobody clears', async () => {
    await redact('let four = 4;\n', 'src/d.ts', 'sha256:4');
    expect(performance.getEntriesByType('mark').filter(({ name }) => name.startsWith('@core>'))).toEqual([]);
  });

  it('cleans a line, and stays quick on text made to stall it', async () => {
    expect(redactLine('amqp://u:s3cr3tpw@h')).toBe('amqp://u:[redacted: password in a URL]@h');
    expect(redactLine(`use ${fake.openai} here`)).toBe('use [redacted: API key] here');
    const text = `-----BEGIN ${'A'.repeat(200_000)}\npassword${' '.repeat(200_000)}eyJ${'a'.repeat(200_000)}`;
    expect((await redact(text, 'c.txt', 'sha256:3')).redactions).toBe(0);
    // Almost words: there are 2^200 ways to cut these letters.
    expect(redactLine(`token: "${'abcdefgh'.repeat(25)}9!"`)).toBe('token: "[redacted: secret value]"');
    expect(redactLine('token: "nextPageTokenOfTheList42"')).toBe('token: "nextPageTokenOfTheList42"');
  });
});
