/**
 * Keeps the first and the last lines of a text and says how many are missing between. Null when not even one line of
 * each end fits.
 */
export function sampleLines(text: string, fits: (text: string) => boolean): string | null {
  const lines = text.split('\n');
  const build = (kept: number): string => {
    // The head says more than the tail: imports, types and the first definitions stand there.
    const head = Math.ceil((kept * 2) / 3);
    const tail = kept - head;
    const missing = lines.length - kept;
    return [...lines.slice(0, head), `… ${missing} lines left out …`, ...lines.slice(lines.length - tail)].join('\n');
  };
  let low = 0;
  let high = lines.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (fits(build(middle))) low = middle;
    else high = middle - 1;
  }
  return low < 2 ? null : build(low);
}
