import { isCode, languageOf } from './language.ts';
import { findRepository } from './repository.ts';
import { scanProject } from './scan.ts';

/** Programming languages of a project, lower-case, most files first. */
export async function projectLanguages(root: string, signal: AbortSignal): Promise<string[]> {
  const { files } = await scanProject(root, await findRepository(root, signal), signal);
  const counts = new Map<string, number>();
  for (const { path } of files) {
    const language = languageOf(path);
    if (language !== null && isCode(language)) counts.set(language, (counts.get(language) ?? 0) + 1);
  }
  return [...counts].toSorted(([, a], [, b]) => b - a).map(([language]) => language);
}
