import type { ContextRequirement, Profile, StoredResult } from '@orchestration-sidecar/shared';

/** What a context is wanted for. */
export interface ContextRequest {
  readonly project: { readonly project_id: string; readonly root: string };
  readonly issue: { readonly issue_id: string; readonly title: string; readonly body: string };
  readonly profile: Profile;
  /** The profile’s list, already narrowed or extended by the caller. */
  readonly requirements: readonly ContextRequirement[];
  /** Task of the spawn, when there is one. */
  readonly task: string | null;
  /** Stored results of this issue, newest first. */
  readonly previous: readonly StoredResult[];
  readonly lastBuildStatus: string | null;
  /** Hard bound of the serialised answer, in bytes of UTF-8; at most `LIMITS.maxContextBytes`. */
  readonly maxBytes: number;
  /** Hard bound of the serialised answer in tokens of `o200k_base`; left out: none. */
  readonly maxTokens?: number | undefined;
  readonly signal: AbortSignal;
}

/** The request as it travels to a worker. */
export type GatherTask = Omit<ContextRequest, 'signal'> & { readonly nowMs: number };

/** A file asked for by its path. */
export interface FileRequest {
  readonly project: { readonly project_id: string; readonly root: string };
  readonly path: string;
  readonly signal: AbortSignal;
}

/** A file under the rules that hold for a context. */
export interface FileAnswer {
  readonly path: string;
  readonly content: string;
  /** Size on disk, in bytes. */
  readonly size: number;
  /** `sha256:` and the digest of the bytes that were read. */
  readonly checksum: string;
  readonly truncated: boolean;
}
