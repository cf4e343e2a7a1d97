import type { ProcessIdentity } from './process-identity.ts';
import type { ProcessListing, ProcessRow } from './process-table.ts';

/**
 * The processes that one start brought forth. Found by parentage, process group, session, the marker in their
 * environment, and by having been seen here before; a process that shed all five (cleared its environment, made a
 * session of its own and lost its parent between two looks) is beyond reach without a control group.
 */
export class ProcessTree {
  readonly #list: () => Promise<ProcessListing>;
  readonly #leader: ProcessIdentity;
  readonly #marker: string;
  #seen: readonly ProcessIdentity[] = [];

  /** @param leader leader of the process group and session that the start made. */
  constructor(list: () => Promise<ProcessListing>, leader: ProcessIdentity, marker: string) {
    this.#list = list;
    this.#leader = leader;
    this.#marker = marker;
  }

  /**
   * Members that run now, the leader left out.
   * @param thorough also reads the environment of every process, which costs as much again as the rest.
   */
  async members(thorough: boolean): Promise<readonly ProcessRow[]> {
    const listing = await this.#list();
    // A process id is not given away while a group or session of that number lives, so with the leader running the
    // number is certainly ours. Once it is gone the number may mean a stranger: then the other signs must do.
    const leader = listing.find(this.#leader);
    const seen = this.#seen.map((identity) => listing.find(identity)).filter((row) => row !== undefined);
    const found = listing.withDescendants([
      ...(leader === undefined ? [] : [leader, ...listing.led(leader.pid)]),
      ...seen,
      ...(thorough ? listing.marked(this.#marker) : []),
    ]);
    this.#seen = found.map(({ pid, startTime }) => ({ pid, startTime }));
    return found.filter((row) => row !== leader);
  }
}
