/** When a token was issued and when it expires, in milliseconds since the epoch. */
export interface TokenTimes {
  readonly issuedAtMs: number | undefined;
  readonly expiresAtMs: number;
}

/**
 * Reads the times of a JWT (RFC 7519) without checking its signature, which is the sidecar’s to do. Undefined for a
 * token that is not a JWT or that does not expire, such as the operator’s.
 */
export function readTokenTimes(token: string): TokenTimes | undefined {
  const payload = token.split('.')[1];
  if (payload === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')));
    if (typeof claims !== 'object' || claims === null || !('exp' in claims)) return undefined;
    if (typeof claims.exp !== 'number' || !Number.isFinite(claims.exp)) return undefined;
    const issuedAt = 'iat' in claims && typeof claims.iat === 'number' ? claims.iat * 1000 : undefined;
    return { issuedAtMs: issuedAt, expiresAtMs: claims.exp * 1000 };
  } catch {
    return undefined;
  }
}
