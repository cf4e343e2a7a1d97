import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KEPT, keptNames, parseKept, SidecarError, type KeptRequest } from '@orchestration-sidecar/shared';
import type { Logger } from '../telemetry/logger.ts';

/**
 * Delivers, for an agent that has ended, what it kept while the sidecar was away: in order, and once, since each
 * request has a key. One that is refused is put aside with a note in the log; it would keep back those after it.
 * @param folder the agent’s outbox; it need not be there.
 * @param deliver does one request in the agent’s name, waiting for a disk that is full.
 * @param signal aborts when the sidecar stops; the next one delivers the rest. Rejects then.
 */
export async function deliverKept(
  folder: string,
  deliver: (request: KeptRequest) => Promise<unknown>,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const names = keptNames(await readdir(folder).catch(() => []));
  for (const name of names.slice(0, KEPT.maxRequests)) {
    const file = join(folder, name);
    const request = parseKept(await readFile(file, 'utf8').catch(() => ''));
    try {
      if (!request) throw new SidecarError('INPUT_INVALID', 'What was kept is not a request.');
      await deliver(request);
      await rm(file, { force: true });
    } catch (cause) {
      if (signal.aborted) throw cause;
      logger.warn({ err: cause, file }, 'what an agent kept was refused');
      await rename(file, file.replace(KEPT.suffix, KEPT.refusedSuffix)).catch(() => {});
    }
  }
}
