/** JSON Web Tokens, operator tokens and private keys, wherever they stand in a text. */
const SECRETS =
  /eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}|sidecar_op_[\w-]{16,}|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;

/** Blots out secrets in a text that is about to be written where others may read it. */
export function redactSecrets(text: string): string {
  return text.replaceAll(SECRETS, '[secret]');
}
