import type { LogEntry } from '../../src/log/log-entry.ts';
import type { CommitListener } from '../../src/log/write-queue.ts';

/** A commit listener that keeps what it was told. */
export class CommitRecorder implements CommitListener {
  readonly entries: LogEntry[] = [];
  readonly uncertainties: Map<string, number>[] = [];

  committed(entries: readonly LogEntry[]): void {
    this.entries.push(...entries);
  }

  uncertain(versions: ReadonlyMap<string, number>): void {
    this.uncertainties.push(new Map(versions));
  }

  /** The versions told of `stream`, in the order told. */
  versionsOf(stream: string): number[] {
    return this.entries.filter((entry) => entry.stream === stream).map(({ version }) => version);
  }
}

/** 1, 2, 3 … `last`. */
export const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);
