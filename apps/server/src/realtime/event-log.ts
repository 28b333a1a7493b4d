import { symbols, type DestinationStream, type Logger } from 'pino';
import { isoTime } from '../iso-time.ts';
import type { Session } from './session.ts';

/**
 * The event log of the Depth document: one line for each inbound event, never its content. Names that are not in the contract are
 * `unknown`. The lines are pino's, written by hand and a turn's together: through pino, which looks for secrets in each, one costs
 * 20 µs, as much as the event itself (measured); these four fields hold none.
 */
export class EventLog {
  readonly #stream: DestinationStream | undefined;
  #lines = '';

  /** @param logger undefined: `LOG_EVENTS=false` */
  constructor(logger: Logger | undefined) {
    if (logger?.isLevelEnabled('info')) this.#stream = (logger as Logger & { [symbols.streamSym]: DestinationStream })[symbols.streamSym];
  }

  /** Writes the line of one event; `event` is a name of the contract. */
  write(session: Session, event: string): void {
    if (!this.#stream) return;
    const now = isoTime(Date.now());
    if (this.#lines === '') setImmediate(() => this.#flush());
    this.#lines += `{"level":"info","time":"${now}","userId":${session.loggedUserId},"event":"${event}","timestamp":"${now}","ip":"${session.connection.ip}","msg":"WebSocket Event"}\n`;
  }

  #flush(): void {
    const lines = this.#lines;
    this.#lines = '';
    this.#stream!.write(lines);
  }
}
