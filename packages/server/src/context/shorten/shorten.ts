import type { ContextFile } from '@orchestration-sidecar/shared';
import { jsonBytes, type Room } from '../budget.ts';
import { isCode } from '../language.ts';
import { keepChunks } from './chunks.ts';
import { compress } from './compress.ts';
import { outline } from './outline.ts';
import { sampleLines } from './sample-lines.ts';

/** How an answer was made to fit, as `truncation_strategy` names it. */
export type Strategy =
  | 'task_cut'
  | 'list_cut'
  | 'priority_selection'
  | 'semantic_chunking'
  | 'compression'
  | 'file_sampling'
  | 'summarization';

const PROSE = new Set(['markdown', 'restructuredtext', 'asciidoc', 'text', 'org', 'latex']);

/**
 * Makes a file fit: whole; code without comments; the functions and classes that matter; a document’s outline; the
 * first and last lines. Null when not even those fit.
 */
export async function shortenFile(
  file: ContextFile,
  room: Room,
  scoreLines: (from: number, to: number) => number,
  used: Set<Strategy>,
): Promise<ContextFile | null> {
  if (room.holds(file)) return file;
  const { path, language, content } = file;
  const fits = (text: string): boolean => room.holds({ ...file, content: text, truncated: true });
  const cut = (strategy: Strategy, text: string): ContextFile => {
    used.add(strategy);
    return { ...file, content: text, truncated: true, reasons: [...file.reasons, `shortened: ${strategy}`] };
  };
  // The remark on how it was shortened has to fit as well.
  const note = ', "shortened: semantic_chunking"'.length;
  const holds = (text: string): boolean => fits(text + ' '.repeat(note));
  if (isCode(language) || language === 'ini') {
    const compressed = await compress(path, language, content);
    if (compressed !== null && holds(compressed)) return cut('compression', compressed);
    const frame = jsonBytes({ ...file, content: '', truncated: true }) + note;
    const chunks = await keepChunks(path, language, content, room.bytes - frame, scoreLines);
    // By tokens a text may cost more than by bytes; then its ends are all there is room for.
    if (chunks !== null && holds(chunks)) return cut('semantic_chunking', chunks);
  }
  if (PROSE.has(language ?? '')) {
    const summary = outline(content, holds);
    if (summary !== null) return cut('summarization', summary);
  }
  const sampled = sampleLines(content, holds);
  return sampled === null ? null : cut('file_sampling', sampled);
}
