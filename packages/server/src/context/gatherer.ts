import { realpath } from 'node:fs/promises';
import type { AgentContext } from '@orchestration-sidecar/shared';
import type { TreeLook, WorkerCalls } from './context-worker.ts';
import { fileKind } from './file-kind.ts';
import { gather } from './gather.ts';
import { ProjectIndex, type ReadElsewhere, type TreeState } from './project-index.ts';
import { checksumOf, isBinary, isInnerPath, readInside } from './read-inside.ts';
import { prepareRedaction, redact } from './redact.ts';
import { findRepository } from './repository.ts';
import type { FileAnswer, GatherTask } from './request.ts';
import { scanProject } from './scan.ts';

/** Projects one worker keeps an index of; the least recently asked for is forgotten. */
const MAX_PROJECTS = 8;
const MAX_FILE_BYTES = 8 * 1024 * 1024;

/** What happens inside a worker. */
export interface Gatherer {
  /** Digest of the tree as it is now; sooner, where it is known what has changed since one that this gatherer saw last. */
  look(
    root: string,
    withGit: boolean,
    edited: WorkerCalls['look']['input']['edited'],
    signal: AbortSignal,
  ): Promise<TreeLook>;
  /** Gathers from the tree that had this digest, or from the tree as it is now; answers which. */
  gather(task: GatherTask, digest: string, signal: AbortSignal): Promise<{ context: AgentContext; digest: string }>;
  /** Null when there is no file that may be shown. */
  file(root: string, path: string, signal: AbortSignal): Promise<FileAnswer | null>;
}

/** Makes a gatherer with no memory yet. `readElsewhere` shares the reading of many files with another thread. */
export function createGatherer(readElsewhere: ReadElsewhere | null = null): Gatherer {
  const projects = new Map<string, { readonly index: ProjectIndex; state: TreeState | null; turn: Promise<unknown> }>();
  const projectAt = (root: string) => {
    const project = projects.get(root) ?? {
      index: new ProjectIndex(root, readElsewhere),
      state: null,
      turn: Promise.resolve(),
    };
    projects.delete(root);
    projects.set(root, project);
    const oldest = projects.keys().next().value;
    if (projects.size > MAX_PROJECTS && oldest !== undefined) projects.delete(oldest);
    return project;
  };
  /** One at a time for a project: two that read the same tree would do everything twice. */
  const inTurn = <T>(root: string, work: (project: ReturnType<typeof projectAt>) => Promise<T>): Promise<T> => {
    const project = projectAt(root);
    const done = project.turn.then(() => work(project));
    project.turn = done.catch(() => undefined);
    return done;
  };
  return {
    look: (root, withGit, edited, signal) =>
      inTurn(root, async (project) => {
        prepareRedaction();
        const seen = withGit && edited?.since === project.state?.digest ? project.state : null;
        project.state =
          (seen && edited && (await project.index.lookAgain(seen, edited.paths, signal))) ??
          (await project.index.look(signal, withGit));
        return { digest: project.state.digest, withoutGit: project.state.withoutGit };
      }),
    gather: (task, digest, signal) =>
      inTurn(task.project.root, async (project) => {
        const look = async (): Promise<TreeState> =>
          (project.state = await project.index.look(signal, project.state?.withoutGit !== true));
        const answer = async (state: TreeState): Promise<{ context: AgentContext; digest: string }> => ({
          context: await gather(task, project.index, state, signal),
          digest: state.digest,
        });
        const known = project.state?.digest === digest ? project.state : null;
        if (known === null) return answer(await look());
        try {
          return await answer(known);
        } catch (cause) {
          if (signal.aborted) throw cause;
          // Its history was read for whoever looked, who may have gone meanwhile; or git has failed at it.
          return answer(await look());
        }
      }),
    file: readOne,
  };
}

async function readOne(givenRoot: string, path: string, signal: AbortSignal): Promise<FileAnswer | null> {
  const kind = fileKind(path);
  if (!isInnerPath(path) || kind.withheld === 'secret' || kind.withheld === 'binary') return null;
  const root = await realpath(givenRoot).catch(() => givenRoot);
  const scan = await scanProject(root, await findRepository(root, signal), signal);
  if (!scan.files.some((file) => file.path === path)) return null;
  const read = readInside(root, path, MAX_FILE_BYTES);
  if (read === null || isBinary(read.bytes)) return null;
  const checksum = checksumOf(read.bytes);
  const { text } = await redact(read.bytes.toString('utf8'), path, checksum);
  return {
    path,
    content: text,
    size: read.size,
    checksum,
    truncated: read.size > read.bytes.length,
  };
}
