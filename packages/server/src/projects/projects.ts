import { realpath, stat } from 'node:fs/promises';
import { basename, isAbsolute } from 'node:path';
import { SidecarError, type Project } from '@orchestration-sidecar/shared';
import type { Clock } from '../runtime/clock.ts';
import type { KnownPrincipal } from '../runtime/principal.ts';
import type { Writer } from '../storage/writer.ts';
import type { ProjectStore } from './project-store.ts';

/** What the projects need. */
export interface ProjectsNeeds {
  readonly store: ProjectStore;
  readonly writer: Writer;
  readonly clock: Clock;
}

/** The registered repositories, and which of them a caller means and may see. */
export class Projects {
  readonly #needs: ProjectsNeeds;
  readonly #known = new Map<string, Project>();
  #defaultId: string | null = null;

  constructor(needs: ProjectsNeeds) {
    this.#needs = needs;
    for (const project of needs.store.all()) this.#known.set(project.project_id, project);
  }

  /**
   * Registers a directory; registering the same one again answers the same project.
   * @throws {SidecarError} `PROJECT_ROOT_INVALID`, `PROJECT_EXISTS`.
   */
  async add(root: string, projectId?: string): Promise<Project> {
    const real = await realRoot(root);
    const { writer, store, clock } = this.#needs;
    return writer.write((transaction) => {
      const same = store.byRoot(real);
      if (same) {
        if (projectId !== undefined && projectId !== same.project_id) {
          throw new SidecarError('PROJECT_EXISTS', `This root is registered as ${same.project_id}.`);
        }
        return this.require(same.project_id);
      }
      const id = projectId ?? this.#freeId(real);
      if (this.#known.has(id)) throw new SidecarError('PROJECT_EXISTS', `${id} is registered with another root.`);
      const createdAtMs = clock.nowMs();
      store.insert(transaction, { projectId: id, root: real, createdAtMs });
      const project: Project = {
        project_id: id,
        root: real,
        created_at: new Date(createdAtMs).toISOString(),
        default: false,
      };
      this.#known.set(id, project);
      transaction.afterRollback(() => void this.#known.delete(id));
      return project;
    });
  }

  /** Says which project the sidecar was started in. */
  makeDefault(projectId: string): void {
    this.#defaultId = projectId;
  }

  /** The projects a principal can see. */
  visibleTo(principal: KnownPrincipal): Project[] {
    const all = [...this.#known.keys()].map((id) => this.require(id));
    return principal.kind === 'operator' ? all : all.filter((project) => project.project_id === principal.projectId);
  }

  /**
   * The project of an id.
   * @throws {SidecarError} `PROJECT_NOT_FOUND`.
   */
  require(projectId: string): Project {
    const project = this.#known.get(projectId);
    if (!project) throw new SidecarError('PROJECT_NOT_FOUND', `There is no project ${projectId}.`);
    return { ...project, default: projectId === this.#defaultId };
  }

  /**
   * The project a caller means (DECISIONS 31): an agent’s own; the operator’s named one, or the only one.
   * @throws {SidecarError} `PROJECT_FORBIDDEN`, `PROJECT_NOT_FOUND`, `PROJECT_REQUIRED`.
   */
  meantBy(principal: KnownPrincipal, projectId: string | undefined): Project {
    if (principal.kind === 'agent') {
      if (projectId !== undefined && projectId !== principal.projectId) throw new SidecarError('PROJECT_FORBIDDEN');
      return this.require(principal.projectId);
    }
    if (projectId !== undefined) return this.require(projectId);
    const [only, second] = this.#known.keys();
    if (only === undefined) throw new SidecarError('PROJECT_NOT_FOUND', 'No project is registered yet.');
    if (second !== undefined) throw new SidecarError('PROJECT_REQUIRED');
    return this.require(only);
  }

  #freeId(root: string): string {
    const base =
      basename(root)
        .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
        .replace(/^[^A-Za-z0-9]+/, '')
        .slice(0, 64) || 'project';
    for (let suffix = 1; ; suffix += 1) {
      const id = suffix === 1 ? base : `${base}-${suffix}`;
      if (!this.#known.has(id)) return id;
    }
  }
}

async function realRoot(root: string): Promise<string> {
  if (!isAbsolute(root)) throw new SidecarError('PROJECT_ROOT_INVALID', 'The root must be an absolute path.');
  try {
    const real = await realpath(root);
    if ((await stat(real)).isDirectory()) return real;
  } catch (cause) {
    throw new SidecarError('PROJECT_ROOT_INVALID', `${root} is not a directory that can be read.`, { cause });
  }
  throw new SidecarError('PROJECT_ROOT_INVALID', `${root} is not a directory.`);
}
