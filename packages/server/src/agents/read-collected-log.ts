import { open, type FileHandle } from 'node:fs/promises';
import { AgentOutputLine } from '@orchestration-sidecar/shared';
import { z } from 'zod';
import type { Clock } from '../runtime/clock.ts';
import type { CollectedLog } from './collected-log.ts';

/** Which of the collected lines to read; what is left out narrows nothing. */
export interface CollectedQuery {
  readonly projectId?: string | undefined;
  readonly issueId?: string | undefined;
  readonly agentId?: string | undefined;
  readonly agentType?: string | undefined;
  readonly stream?: 'stdout' | 'stderr' | undefined;
}

/** Which page to read, and where from. */
export interface CollectedRequest extends CollectedQuery {
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
  /** Without a cursor: so many lines before the end. Neither: from the oldest line that is kept. */
  readonly tail?: number | undefined;
  readonly limit: number;
  /** Longest wait for a line when there is none, in milliseconds. */
  readonly waitMs: number;
}

/** A page of the collected lines. */
export interface CollectedPage {
  readonly lines: AgentOutputLine[];
  readonly nextCursor: string;
  /** Whether everything that was written by then has been read. */
  readonly atEnd: boolean;
  /** Lines that were never written, since agents flooded or the disk refused. */
  readonly leftOut: number;
  /** Whether lines after the cursor are not kept any more. */
  readonly gap: boolean;
}

/** One of the files, opened: it may be renamed while it is read. */
interface LogFile {
  readonly handle: FileHandle;
  readonly inode: bigint;
  readonly bytes: number;
}

const NEWLINE = 0x0a;
const BLOCK_BYTES = 1024 * 1024;
/** Most that is searched for one page: whoever wants more asks again. */
const MAX_SEARCHED_BYTES = 8 * BLOCK_BYTES;

/** Reads a page of the collected lines; waits for the first when asked to. */
export async function readCollectedLog(
  log: CollectedLog,
  request: CollectedRequest,
  clock: Clock,
  signal: AbortSignal,
): Promise<CollectedPage> {
  const over = new AbortController();
  const timer = clock.after(request.waitMs, () => over.abort());
  const until = AbortSignal.any([signal, over.signal]);
  const stop = new Promise<void>((resolve) => until.addEventListener('abort', () => resolve()));
  try {
    for (let from = request; ;) {
      // Asked for before reading: what is written meanwhile is then certainly noticed.
      const { written } = log;
      const page = await readPage(log, from);
      const isSettled = page.lines.length > 0 || page.leftOut > 0 || page.gap || !page.atEnd;
      if (isSettled || request.waitMs === 0 || until.aborted) return page;
      await Promise.race([written, stop]);
      from = { ...request, cursor: page.nextCursor };
    }
  } finally {
    timer.cancel();
  }
}

async function readPage(log: CollectedLog, request: CollectedRequest): Promise<CollectedPage> {
  const files = await openFiles(log);
  try {
    const { cursor, tail } = request;
    return cursor === undefined && tail !== undefined
      ? await readEnd(files, request, tail)
      : await readOn(files, request, cursor);
  } finally {
    await Promise.all(files.map(({ handle }) => handle.close()));
  }
}

/** The files, oldest first. Opened from the newest on, so that none is missed while they are put aside. */
async function openFiles({ path, keep }: CollectedLog): Promise<LogFile[]> {
  const files: LogFile[] = [];
  for (let index = 0; index <= keep; index += 1) {
    const handle = await open(index === 0 ? path : `${path}.${index}`, 'r').catch(() => undefined);
    if (handle === undefined) continue;
    const { ino: inode, size } = await handle.stat({ bigint: true });
    if (files.some((file) => file.inode === inode)) await handle.close();
    else files.unshift({ handle, inode, bytes: Number(size) });
  }
  return files;
}

async function readOn(
  files: readonly LogFile[],
  request: CollectedRequest,
  cursor: string | undefined,
): Promise<CollectedPage> {
  const found = new FoundLines(request);
  const place = await placeOf(files, cursor);
  let { index, byte } = place;
  let searched = 0;
  while (searched < MAX_SEARCHED_BYTES && found.lines.length < request.limit) {
    const file = files[index];
    if (file === undefined) break;
    const block = await readBlock(file, byte, Math.min(file.bytes, byte + BLOCK_BYTES));
    const isNewest = index === files.length - 1;
    let start = 0;
    for (let end = block.indexOf(NEWLINE); end >= 0; end = block.indexOf(NEWLINE, start)) {
      if (found.lines.length >= request.limit) break;
      found.take(block.subarray(start, end));
      start = end + 1;
    }
    searched += block.length;
    byte += start;
    if (found.lines.length >= request.limit) break;
    // What is left is a line that is still being written, or, in a file put aside, one that never will be.
    if (start > 0 && byte < file.bytes) continue;
    if (isNewest) break;
    index += 1;
    byte = 0;
  }
  const last = files.length - 1;
  const newest = files[index];
  const atEnd = index >= last && (newest === undefined || !(await hasLine(newest, byte)));
  return { ...found.page, nextCursor: cursorOf(newest, byte), atEnd, gap: place.gap };
}

/** The newest lines, and the place after them. */
async function readEnd(files: readonly LogFile[], request: CollectedRequest, count: number): Promise<CollectedPage> {
  const found = new FoundLines(request);
  let end: number | undefined;
  for (const file of files.toReversed()) {
    let rest: Buffer = Buffer.alloc(0);
    for (let stop = file.bytes; stop > 0 && (end === undefined || found.lines.length < count);) {
      const start = Math.max(0, stop - BLOCK_BYTES);
      const block = Buffer.concat([await readBlock(file, start, stop), rest]);
      const whole = block.lastIndexOf(NEWLINE) + 1;
      // The first line may begin in the block before.
      const first = start === 0 ? 0 : block.indexOf(NEWLINE) + 1;
      if (end === undefined && whole > 0) end = start + whole;
      for (let to = whole - 1; to > first && found.lines.length < count;) {
        const from = Math.max(first, block.lastIndexOf(NEWLINE, to - 1) + 1);
        found.take(block.subarray(from, to));
        to = from - 1;
      }
      rest = block.subarray(0, first);
      stop = start;
    }
    end ??= 0;
  }
  const { lines, leftOut } = found.page;
  const nextCursor = cursorOf(files.at(-1), end ?? 0);
  return { lines: lines.toReversed(), leftOut, nextCursor, atEnd: true, gap: false };
}

/** Gathers those of the lines that were asked for. */
class FoundLines {
  readonly lines: AgentOutputLine[] = [];
  readonly #wanted: readonly Buffer[];
  #leftOut = 0;

  constructor({ projectId, issueId, agentId, agentType, stream }: CollectedQuery) {
    const wanted = { project_id: projectId, issue_id: issueId, agent_id: agentId, agent_type: agentType, stream };
    // As it stands in the line: within a text its quotes would be escaped.
    this.#wanted = Object.entries(wanted).flatMap(([name, value]) =>
      value === undefined ? [] : [Buffer.from(`"${name}":${JSON.stringify(value)}`)],
    );
  }

  get page(): Pick<CollectedPage, 'lines' | 'leftOut'> {
    return { lines: this.lines, leftOut: this.#leftOut };
  }

  take(line: Buffer): void {
    const said = line.subarray(0, LEFT_OUT.length).equals(LEFT_OUT) || this.#wanted.every((it) => line.includes(it));
    if (!said) return;
    const parsed = parse(line.toString('utf8'));
    if (parsed === undefined) return;
    if ('left_out_lines' in parsed) this.#leftOut += parsed.left_out_lines;
    else this.lines.push(parsed);
  }
}

const LEFT_OUT = Buffer.from('{"left_out_lines":');

const Written = z.union([z.object({ left_out_lines: z.int() }), AgentOutputLine]);

/** A line as the sidecar wrote it; undefined for one that the end of the sidecar or a full disk cut off. */
function parse(text: string): z.infer<typeof Written> | undefined {
  try {
    return Written.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Where a cursor points to. One whose file is gone, or that points into the middle of a line, starts over. */
async function placeOf(
  files: readonly LogFile[],
  cursor = '0.0',
): Promise<{ readonly index: number; readonly byte: number; readonly gap: boolean }> {
  const [inode = '0', at = '0'] = cursor.split('.');
  if (inode === '0') return { index: 0, byte: 0, gap: false };
  const index = files.findIndex((file) => file.inode === BigInt(inode));
  const [file, byte] = [files[index], Number(at)];
  const isPlace = file !== undefined && (byte === 0 || (await readBlock(file, byte - 1, byte))[0] === NEWLINE);
  return isPlace ? { index, byte, gap: false } : { index: 0, byte: 0, gap: true };
}

function cursorOf(file: LogFile | undefined, byte: number): string {
  return file === undefined ? '0.0' : `${file.inode}.${byte}`;
}

async function hasLine(file: LogFile, byte: number): Promise<boolean> {
  return (await readBlock(file, byte, Math.min(file.bytes, byte + BLOCK_BYTES))).includes(NEWLINE);
}

async function readBlock({ handle }: LogFile, start: number, end: number): Promise<Buffer> {
  const length = Math.max(0, end - start);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, start);
  return buffer.subarray(0, bytesRead);
}
