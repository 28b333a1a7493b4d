import { Inject, Injectable } from '@nestjs/common';
import { STORAGE } from '../storage/storage.module.ts';
import type { Database, Storage } from '../storage/storage.ts';
import { streamKind, type LogEntry } from './log-entry.ts';
import { readEntries, seqAt } from './stream-log.repository.ts';

/**
 * Where a feature's own rows are entries of the log as well: a message says all that its creation's entry would, and writing it
 * twice would double the cost of sending. An entry that also has a row in the log is taken from there.
 */
export interface EntrySource {
  /** Of streams that are named `<prefix>:<id>`. */
  readonly prefix: string;
  /** The one kind of entries that it holds; each takes the stream's next seq. */
  readonly kind: string;
  /** Entries whose seq is above `seq`, in order, at most `limit`. */
  read(db: Database, stream: string, seq: number, limit: number): Promise<LogEntry[]>;
}

/** The log as it is read: in version order and without gaps, wherever its entries are kept. */
@Injectable()
export class StreamLog {
  readonly #storage: Storage;
  readonly #sources = new Map<string, EntrySource>();

  constructor(@Inject(STORAGE) storage: Storage) {
    this.#storage = storage;
  }

  /** Makes known where else entries are kept; once, at start. */
  register(source: EntrySource): void {
    this.#sources.set(source.prefix, source);
  }

  /**
   * The entries of `stream` after `version`, in order, at most `limit`. What was forgotten (`streams.forgotten`) is missing.
   * @param db a snapshot: what is committed between reading the log and reading the source would come without what is before it
   */
  async read(stream: string, version: number, limit: number, db: Database): Promise<LogEntry[]> {
    const rows = await readEntries(db, stream, version, limit);
    const source = this.#sources.get(streamKind(stream));
    if (!source) return rows;
    const seq = await seqAt(db, stream, version, source.kind);
    return merge(rows, await source.read(db, stream, seq, limit), version).slice(0, limit);
  }

  /** As `read`, in a snapshot of its own. */
  entries(stream: string, version: number, limit: number): Promise<LogEntry[]> {
    return this.#storage.snapshot((db) => this.read(stream, version, limit, db));
  }
}

/** Both lists by version; of two for the same version the log's own. */
function merge(rows: readonly LogEntry[], others: readonly LogEntry[], version: number): LogEntry[] {
  const merged: LogEntry[] = [];
  let i = 0;
  for (const other of others) {
    if (other.version <= version) continue;
    while (i < rows.length && rows[i]!.version < other.version) merged.push(rows[i++]!);
    if (rows[i]?.version !== other.version) merged.push(other);
  }
  return [...merged, ...rows.slice(i)];
}
