/**
 * Quotes a text so that a POSIX shell reads it back as exactly one word.
 * @throws {TypeError} when it holds NUL, which no shell can carry.
 */
export function shellQuote(text: string): string {
  if (text.includes('\0')) throw new TypeError('a shell word cannot hold NUL');
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
