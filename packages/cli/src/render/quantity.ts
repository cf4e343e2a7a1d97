const UNITS = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'm', ms: 60_000 },
  { name: 's', ms: 1000 },
] as const;

/** A length of time in at most two units: `1 h 4 m`, `12 s`. */
export function duration(ms: number): string {
  const first = UNITS.findIndex((unit) => ms >= unit.ms);
  const [large, small] = first === -1 ? [] : UNITS.slice(first, first + 2);
  if (!large) return '0 s';
  const count = Math.floor(ms / large.ms);
  const rest = small ? Math.floor((ms - count * large.ms) / small.ms) : 0;
  return `${count} ${large.name}${small && rest > 0 ? ` ${rest} ${small.name}` : ''}`;
}

/** How long ago something was: `3 m ago`; `now` within a second. */
export function ago(time: string, nowMs: number): string {
  const ms = nowMs - Date.parse(time);
  return ms < 1000 ? 'now' : `${duration(ms)} ago`;
}

/** How long something lasts until now, or lasted. */
export function since(time: string | null, nowMs: number): string {
  return time === null ? '' : duration(Math.max(0, nowMs - Date.parse(time)));
}

/** Time of day where the person is: `17:02:11`. */
export function clockTime(time: string): string {
  const date = new Date(time);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

/** A number of bytes for people: `4.1 MB`. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const power = Math.min(3, Math.floor(Math.log10(count) / 3));
  return `${(count / 1000 ** power).toFixed(1)} ${['B', 'kB', 'MB', 'GB'][power] ?? 'GB'}`;
}

/** A number for people, without fractions: `1,250,000`. */
export function grouped(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** How many there are of something: `1 issue`, `3 issues`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
