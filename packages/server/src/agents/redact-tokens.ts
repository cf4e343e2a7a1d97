/** JSON Web Tokens and operator tokens, wherever they stand in a line. */
const TOKENS = /eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}|sidecar_op_[\w-]{16,}/g;

/** Blots out tokens in a line of an agent’s output. */
export function redactTokens(line: string): string {
  return line.replaceAll(TOKENS, '[token]');
}
