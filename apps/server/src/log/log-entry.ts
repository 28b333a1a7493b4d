/** One change of one stream, as it stands in the log and travels to the sockets. */
export interface LogEntry<Data = unknown> {
  /** `chat:<id>`, `user:<id>`, `orders`, … */
  readonly stream: string;
  /** 1, 2, 3 … in its stream, without gaps, in the order of commits. */
  readonly version: number;
  /** What happened, in the domain's words: `message.created`. */
  readonly kind: string;
  readonly data: Data;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** What comes before the colon in a stream's name, or the whole name where it has none (`orders`). */
export function streamKind(stream: string): string {
  const end = stream.indexOf(':');
  return end < 0 ? stream : stream.slice(0, end);
}

/** The counters of a stream. */
export interface StreamCounters {
  version: number;
  seq: number;
}
