/** One change of one stream, as it stands in the log and travels to the sockets. */
export interface LogEntry<Data = unknown> {
  /** `chat:<id>`, `user:<id>`, … */
  readonly stream: string;
  /** 1, 2, 3 … in its stream, without gaps, in the order of commits. */
  readonly version: number;
  /** What happened, in the domain's words: `message.created`. */
  readonly kind: string;
  readonly data: Data;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** The counters of a stream. */
export interface StreamCounters {
  version: number;
  seq: number;
}
