/** Tells the sidecar, on standard output, what the agent is at; the live view shows it. */
export function working(cause: string): void {
  process.stdout.write(`${JSON.stringify({ type: 'activity', kind: 'working', cause })}\n`);
}
