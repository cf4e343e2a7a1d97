import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { redactSecrets, SecretLines } from './redact-secrets.ts';

const pem = (type: 'pkcs8' | 'sec1'): string =>
  generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type, format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  }).privateKey.trim();
const lines = (texts: readonly string[]): string[] => {
  const secrets = new SecretLines();
  return texts.map((text) => secrets.redact(text));
};

describe('lines of an output', () => {
  test('a private key is blotted out from its first line to its last, and what stands around it stays', () => {
    const key = pem('sec1').split('\n');
    const shown = lines(['before', `key: ${key[0]}`, ...key.slice(1, -1), `${key.at(-1)} after`, 'done']);
    expect(shown[0]).toBe('before');
    expect(shown[1]).toBe('key: [secret]');
    expect(new Set(shown.slice(2, -2))).toEqual(new Set(['[secret]']));
    expect(shown.slice(-2)).toEqual(['[secret] after', 'done']);
  });

  test('however it is indented, quoted or wrapped', () => {
    const key = pem('pkcs8');
    const body = key.split('\n')[1] ?? '';
    for (const shown of [
      lines(key.split('\n').map((line) => `  | ${line}`)).join('\n'),
      lines(key.split('\n').map((line) => `+${line}\r`)).join('\n'),
      lines([JSON.stringify({ key })]).join('\n'),
      lines([key.replaceAll('\n', ' ')]).join('\n'),
      redactSecrets(`a ${key} b`),
    ]) {
      expect(shown).toContain('[secret]');
      expect(shown).not.toContain(body.slice(0, 16));
    }
  });

  test('two keys in a row, and one whose end and another’s beginning share a line', () => {
    const [one, two] = [pem('sec1'), pem('sec1')];
    const shown = lines(`${one}${two}\nend`.split('\n'));
    expect(shown.at(-1)).toBe('end');
    expect(new Set(shown.slice(0, -1))).toEqual(new Set(['[secret]', '[secret][secret]']));
  });

  test('whole lines of a key without its beginning are known by their length, checksums stay', () => {
    const sum = 'a'.repeat(32) + '0123456789abcdef'.repeat(2);
    expect(lines(['Zm9v'.repeat(16), sum, 'Zm9v', `${'Zm9vYg'.repeat(10)}Zm9vYg+/ab`])).toEqual([
      '[secret]',
      sum,
      'Zm9v',
      '[secret]',
    ]);
  });

  test('a beginning without an end does not take the rest of the output', () => {
    const shown = lines(['grep -r "-----BEGIN PRIVATE KEY-----"', ...Array.from({ length: 300 }, () => 'a line')]);
    expect(shown.filter((line) => line === 'a line')).toHaveLength(44);
    expect(shown.at(-1)).toBe('a line');
  });

  test('a certificate and a public key are no secrets', () => {
    const text = '-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----';
    expect(lines(text.split('\n')).join('\n')).toBe(text);
    expect(redactSecrets(text)).toBe(text);
  });
});
