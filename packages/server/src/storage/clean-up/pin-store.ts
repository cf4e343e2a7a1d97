import { and, desc, eq, lt, or } from 'drizzle-orm';
import { PinKind, type Pin } from '@orchestration-sidecar/shared';
import { isoTime } from '../../runtime/clock.ts';
import type { Database } from '../database.ts';
import { decodePageCursor, encodePageCursor } from '../page-cursor.ts';
import { pins } from '../schema.ts';
import type { Transaction } from '../writer.ts';

/** What a pin is on. */
export type PinTarget = Pick<typeof pins.$inferSelect, 'projectId' | 'id'> & { readonly kind: PinKind };

/** Pins in SQLite. */
export class PinStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  find(target: PinTarget): Pin | undefined {
    const row = this.#database.query.select().from(pins).where(matching(target)).get();
    return row && toPin(row);
  }

  /** Adds a pin. */
  insert(transaction: Transaction, target: PinTarget, pinnedAtMs: number): Pin {
    const row = { ...target, pinnedAtMs };
    transaction.database.query.insert(pins).values(row).run();
    return toPin(row);
  }

  /** Removes a pin; answers whether there was one. */
  remove(transaction: Transaction, target: PinTarget): boolean {
    return transaction.database.query.delete(pins).where(matching(target)).run().changes > 0;
  }

  /** A page of a project’s pins, newest first. */
  list(query: { readonly projectId: string; readonly limit: number; readonly cursor?: string | undefined }): {
    pins: Pin[];
    next_cursor: string | null;
  } {
    const from = decodePageCursor(query.cursor);
    const rows = this.#database.query
      .select()
      .from(pins)
      .where(
        and(
          eq(pins.projectId, query.projectId),
          from && or(lt(pins.pinnedAtMs, from.atMs), and(eq(pins.pinnedAtMs, from.atMs), lt(pins.id, from.id))),
        ),
      )
      .orderBy(desc(pins.pinnedAtMs), desc(pins.id), desc(pins.kind))
      .limit(query.limit + 1)
      .all();
    const page = rows.slice(0, query.limit);
    const last = rows.length > query.limit ? page.at(-1) : undefined;
    return {
      pins: page.map(toPin),
      next_cursor: last ? encodePageCursor({ atMs: last.pinnedAtMs, id: last.id }) : null,
    };
  }
}

function matching({ projectId, kind, id }: PinTarget) {
  return and(eq(pins.projectId, projectId), eq(pins.kind, kind), eq(pins.id, id));
}

function toPin({ kind, id, projectId, pinnedAtMs }: typeof pins.$inferSelect): Pin {
  return { kind: PinKind.parse(kind), id, project_id: projectId, pinned_at: isoTime(pinnedAtMs) };
}
