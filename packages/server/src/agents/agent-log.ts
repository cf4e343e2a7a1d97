import { open } from 'node:fs/promises';
import type { AgentLogLine } from '@orchestration-sidecar/shared';
import { tailFile } from '../process/index.ts';
import { isoTime, type Clock } from '../runtime/clock.ts';
import { redactSecrets, SECRET_MARK, SecretLines } from '../telemetry/redact-secrets.ts';
import { readMarks, type LogStream } from './log-marks.ts';

/** A page of one output of an agent. */
export interface LogPage {
  readonly lines: AgentLogLine[];
  readonly next_byte: number;
  /** Whether nothing comes after it any more. */
  readonly ended: boolean;
}

/** Which page to read, and where from. */
export interface LogRequest {
  /** File of the output. */
  readonly path: string;
  readonly marksFile: string;
  readonly stream: LogStream;
  readonly fromByte: number;
  readonly limit: number;
  /** Longest wait for a line when there is none, in milliseconds. */
  readonly waitMs: number;
  /** Settles when nobody writes any more. */
  readonly ended: Promise<unknown>;
}

const NEWLINE = 0x0a;
/** Longest line answered as one; longer ones come in pieces. */
const MAX_LINE_BYTES = 64 * 1024;
const PAGE_BYTES = 512 * 1024;
/** How far before a page a private key may begin that it starts in the middle of. */
const LEAD_BYTES = 16 * 1024;
/** How much of a line is seen after a piece of it before the piece is answered: a token may begin in the piece. */
const AHEAD_BYTES = 4 * 1024;

/** Reads a page of an agent’s output; waits for its first line when asked to. */
export async function readLogPage(request: LogRequest, clock: Clock, signal: AbortSignal): Promise<LogPage> {
  const page = await readPage(request);
  if (page.lines.length > 0 || page.ended || request.waitMs === 0) return page;
  const over = new AbortController();
  const timer = clock.after(request.waitMs, () => over.abort());
  const { path, fromByte, ended } = request;
  try {
    const until = AbortSignal.any([signal, over.signal]);
    const lines = tailFile(path, { fromByte, signal: until, ended, maxLineBytes: MAX_LINE_BYTES });
    await lines.next();
    await lines.return();
  } finally {
    timer.cancel();
  }
  return readPage(request);
}

async function readPage(request: LogRequest): Promise<LogPage> {
  // Asked before reading: what was written before the end is then certainly read.
  const over = await isSettled(request.ended);
  const { lead, bytes, atEnd } = await readBytes(request.path, request.fromByte);
  const secrets = new SecretLines();
  // A page may start in the middle of a line, and of a secret in it.
  let begun = readLead(lead, secrets);
  const timeOf = await readMarks(request.marksFile, request.stream);
  const lines: AgentLogLine[] = [];
  let start = 0;
  while (start < bytes.length && lines.length < request.limit) {
    const { end, next } = lineFrom(bytes, start);
    const isWhole = next > end;
    const isCut = !isWhole && end - start === MAX_LINE_BYTES;
    const ahead = isCut ? lineAhead(bytes, end) : undefined;
    // Without its newline it may still grow.
    if (!isWhole && !ahead?.isSeen && !(over && atEnd)) break;
    const atMs = timeOf(request.fromByte + next);
    const text = bytes.toString('utf8', start, end).replace(/\r$/, '');
    lines.push({
      byte: request.fromByte + start,
      at: atMs === null ? null : isoTime(atMs),
      text: redactPiece(secrets, { before: begun, text, after: ahead?.text ?? '' }),
      cut: isCut,
    });
    begun = isCut ? text.slice(-LEAD_BYTES) : '';
    start = next;
  }
  return { lines, next_byte: request.fromByte + start, ended: over && atEnd && start === bytes.length };
}

/** Reads what stands before a page for the secrets that reach into it; answers the beginning of the page’s first line. */
function readLead(lead: Buffer, secrets: SecretLines): string {
  const lines = lead.toString('utf8').split('\n');
  const begun = lines.pop() ?? '';
  for (const line of lines) secrets.redact(line);
  return begun;
}

/** Where the line that begins at a byte ends, and where the next begins. */
function lineFrom(bytes: Buffer, start: number): { end: number; next: number } {
  const newline = bytes.indexOf(NEWLINE, start);
  const end = Math.min(newline < 0 ? bytes.length : newline, start + MAX_LINE_BYTES);
  return { end, next: end === newline ? end + 1 : end };
}

/** How a line goes on after a piece of it; `isSeen`: as far as it has to be known. */
function lineAhead(bytes: Buffer, end: number): { text: string; isSeen: boolean } {
  const next = bytes.subarray(end, end + AHEAD_BYTES);
  const newline = next.indexOf(NEWLINE);
  const text = next.toString('utf8', 0, newline < 0 ? next.length : newline);
  return { text, isSeen: newline >= 0 || next.length === AHEAD_BYTES };
}

/** A piece of a line without the secrets in it, those included that begin before it or end after it. */
function redactPiece(
  secrets: SecretLines,
  { before, text, after }: { readonly before: string; readonly text: string; readonly after: string },
): string {
  const line = before + text + after;
  const shown = secrets.redact(line);
  if (shown === line) return text;
  if (before === '' && after === '') return shown;
  // In the middle of a private key: what is the piece’s cannot be told from the rest.
  if (shown !== redactSecrets(line)) return SECRET_MARK;
  const untilEnd = redactSecrets(before + text);
  const ended = shown.startsWith(untilEnd) ? untilEnd : commonStart(shown, untilEnd) + SECRET_MARK;
  const untilStart = redactSecrets(before);
  if (ended.startsWith(untilStart)) return ended.slice(untilStart.length);
  return SECRET_MARK + commonEnd(ended, redactSecrets(text));
}

function commonStart(one: string, other: string): string {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length += 1;
  return one.slice(0, length);
}

function commonEnd(one: string, other: string): string {
  let length = 0;
  while (length < Math.min(one.length, other.length) && one.at(-1 - length) === other.at(-1 - length)) length += 1;
  return one.slice(one.length - length);
}

/** The bytes of a page, and those before it. */
async function readBytes(path: string, fromByte: number): Promise<{ lead: Buffer; bytes: Buffer; atEnd: boolean }> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return { lead: Buffer.alloc(0), bytes: Buffer.alloc(0), atEnd: true };
  try {
    const { size } = await file.stat();
    const leadBytes = Math.min(fromByte, LEAD_BYTES);
    const startByte = fromByte - leadBytes;
    const wanted = Math.max(0, Math.min(leadBytes + PAGE_BYTES, size - startByte));
    const { buffer, bytesRead } = await file.read(Buffer.alloc(wanted), 0, wanted, startByte);
    return {
      lead: buffer.subarray(0, leadBytes),
      bytes: buffer.subarray(leadBytes, Math.max(leadBytes, bytesRead)),
      atEnd: startByte + bytesRead >= size,
    };
  } finally {
    await file.close();
  }
}

function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const settled = promise.then(
    () => true,
    () => true,
  );
  return Promise.race([settled, new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);
}
