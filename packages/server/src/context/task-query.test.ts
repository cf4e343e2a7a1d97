import { describe, expect, it } from 'vitest';
import { readTask } from './task-query.ts';
import { termHash } from './terms.ts';

const says = (text: string, word: string, whole = false): boolean =>
  readTask(text, '', null).terms.has(termHash(word, whole));

describe('task', () => {
  it.each([
    'Refs #34000 -- Session cookies expire',
    'Fixes the expiry of session cookies',
    'Bug: session cookies expire',
    'Link to session is lost',
    'See #12: session is lost',
    'Closes GH-7, session is lost',
  ])('keeps the words of a title that begins as a trailer does: %s', (title) => {
    expect(says(title, 'session')).toBe(true);
  });

  it('leaves out trailers, people, addresses and hashes', () => {
    const body =
      'Reviewed-by: Session Owner\nCc: session@example.org\nChange-Id: Isession\nhttps://session.example.org/x';
    const { terms } = readTask('Broken cookies', body, null);
    expect(['session', 'owner', 'example'].map((word) => terms.has(termHash(word)))).toEqual([false, false, false]);
  });

  it('takes its words from the title alone', () => {
    expect([...readTask('Expire the cookies', 'of a session', 'Look into billing').words]).toEqual([
      'expire',
      'cookies',
    ]);
  });

  it.each([
    ['in src/session/store.py, line 2', ['src/session/store.py']],
    ['/home/ann/app/src/text.py', ['/home/ann/app/src/text.py']],
    ['.eslintrc.js and ./src/a', ['eslintrc.js', './src/a']],
    ['at (util/text)', ['util/text']],
    ['@scope/name/index.ts', ['@scope/name/index.ts']],
    [`${'f'.repeat(30_000)} a.py`, ['a.py']],
  ])('finds the paths it names: %.40s', (text, paths) => {
    expect(readTask(text, '', null).paths).toEqual(paths);
  });

  it('takes what a title begins with for an area, and not for one what says the kind of change', () => {
    expect(readTask('perf: sort faster', '', null).scopeTerms.size).toBe(0);
    expect(readTask('perf(sort): compare less', '', null).scopeTerms.size).toBe(1);
    expect(readTask('sort: compare less', '', null).scopeTerms.size).toBe(1);
  });

  it('takes words that stand beside each other for one identifier as well', () => {
    expect(says('Close idle connections early', 'idleConnections', true)).toBe(true);
    expect(says('Close idle, connections', 'idleConnections', true)).toBe(false);
    expect(says(`${'f'.repeat(30_000)}, idle connections`, 'idleConnections', true)).toBe(true);
  });

  it('takes a long word for an identifier of several as well', () => {
    expect(says('Check jumplinks for stale nodes', 'JumpLinks', true)).toBe(true);
    expect(says('Check jumplinks for stale nodes', 'stale', true)).toBe(false);
    expect(says('Ensure it is supported', 'supported', true)).toBe(false);
  });
});
