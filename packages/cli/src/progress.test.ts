import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { whileWaiting } from './progress.ts';
import { plain, type Terminal } from './terminal.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function recording(notesAreTerminal: boolean): { readonly terminal: Terminal; readonly notes: string[] } {
  const notes: string[] = [];
  const refuse = (): never => {
    throw new Error('progress belongs to standard error');
  };
  const terminal: Terminal = {
    environment: {},
    cwd: '/',
    print: refuse,
    note: refuse,
    write: refuse,
    writeNote: (text) => void notes.push(text),
    outputClosed: new AbortController().signal,
    outputIsTerminal: false,
    notesAreTerminal,
    size: () => ({ columns: 80, rows: 24 }),
    paint: plain,
    paintNote: plain,
    readInput: () => Promise.resolve(''),
  };
  return { terminal, notes };
}

describe('progress', () => {
  it('says what is waited for after a second, counts on, and leaves no trace', async () => {
    const { terminal, notes } = recording(true);
    const { promise, resolve } = Promise.withResolvers<string>();
    const waited = whileWaiting(terminal, 'Gathering the context', promise);
    await vi.advanceTimersByTimeAsync(900);
    expect(notes).toEqual([]);
    await vi.advanceTimersByTimeAsync(2200);
    expect(notes[0]).toContain('Gathering the context … 1 s');
    expect(notes.at(-1)).toContain('Gathering the context … 3 s');
    resolve('done');
    expect(await waited).toBe('done');
    expect(notes.at(-1)).toBe('\r\u001b[2K');
    const before = notes.length;
    await vi.advanceTimersByTimeAsync(5000);
    expect(notes).toHaveLength(before);
  });

  it('is taken away when what was waited for fails, and never written into a file or pipe', async () => {
    for (const isTerminal of [true, false]) {
      const { terminal, notes } = recording(isTerminal);
      const { promise, reject } = Promise.withResolvers<string>();
      const failure = whileWaiting(terminal, 'Gathering the context', promise).catch(String);
      await vi.advanceTimersByTimeAsync(2000);
      reject(new Error('gone'));
      expect(await failure).toContain('gone');
      expect(notes.at(-1)).toBe(isTerminal ? '\r\u001b[2K' : undefined);
    }
  });
});
