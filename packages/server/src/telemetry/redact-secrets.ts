/** JSON Web Tokens, operator tokens and private keys, wherever they stand in a text. */
const SECRETS =
  /eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}|sidecar_op_[\w-]{16,}|-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|$)/g;
/** Begin and end of a private key; the last one in a line says whether the next line belongs to one. */
const KEY_EDGE = /-----(BEGIN|END) [A-Z ]*PRIVATE KEY(?: BLOCK)?-----/g;
/**
 * A whole line of a key whose beginning was not seen. RFC 7468 has 64 characters a line, OpenSSH 70. A checksum of that
 * length is hexadecimal and stays.
 */
const KEY_LINE = /^(?![\dA-Fa-f]+$)(?:[A-Za-z\d+/]{64}|[A-Za-z\d+/]{70})$/;
/** Most lines hold nothing of the kind, and there may be millions of them. */
const SUSPICIOUS = /-----(?:BEGIN|END) |eyJ|sidecar_op_|^\s*[A-Za-z\d+/]{64}(?:[A-Za-z\d+/]{6})?\s*$/;
/** Lines after which a key that does not end is taken for none: one of 16,384 bits has 200. */
export const MAX_KEY_LINES = 256;

/** What stands where a secret was. */
export const SECRET_MARK = '[secret]';

/** Blots out secrets in a text that is about to be written where others may read it. */
export function redactSecrets(text: string): string {
  return text.replaceAll(SECRETS, SECRET_MARK);
}

/** Blots out secrets in a text that comes line by line, so that a private key in it spans several calls. */
export class SecretLines {
  #keyLinesLeft = 0;

  /** The next line, without its secrets. */
  redact(line: string): string {
    if (this.#keyLinesLeft === 0 && !SUSPICIOUS.test(line)) return line;
    const edges = [...line.matchAll(KEY_EDGE)];
    const first = edges[0];
    const inKey = this.#keyLinesLeft > 0;
    this.#keyLinesLeft = Math.max(0, this.#keyLinesLeft - 1);
    const last = edges.at(-1);
    if (last) this.#keyLinesLeft = last[1] === 'BEGIN' ? MAX_KEY_LINES : 0;
    if (!inKey) return KEY_LINE.test(line.trim()) ? SECRET_MARK : redactSecrets(line);
    return first?.[1] === 'END' ? SECRET_MARK + redactSecrets(line.slice(first.index + first[0].length)) : SECRET_MARK;
  }
}
