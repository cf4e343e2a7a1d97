import { createHmac, sign, type KeyObject } from 'node:crypto';

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token as an attacker makes one: any header, any claims, any key. A text as the key signs with HMAC. */
export function forgeToken(header: object, claims: object, key: KeyObject | string | null): string {
  const content = `${part(header)}.${part(claims)}`;
  if (key === null) return `${content}.`;
  const signature =
    typeof key === 'string'
      ? createHmac('sha256', key).update(content).digest()
      : sign('sha256', Buffer.from(content), key);
  return `${content}.${signature.toString('base64url')}`;
}

/** Header and claims of a token. */
export function readToken(token: string): { header: Record<string, unknown>; claims: Record<string, unknown> } {
  const [header, claims] = token
    .split('.', 2)
    .map((text) => JSON.parse(Buffer.from(text, 'base64url').toString() || '{}'));
  return { header, claims };
}
