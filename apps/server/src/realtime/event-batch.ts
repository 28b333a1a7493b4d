/** Events for clients that connect with `auth.batch: true`: contract §9. */
import { v2 } from '@majlis/contract';

const FLUSH_AFTER_MS = 100;
const FLUSH_AT_EVENTS = 64;

/** The name of the event that carries the others. */
export const BATCH = v2.serverEvents.batch.name;

/** An event as an item of a batch, its argument given as JSON. */
export function batchItem(event: string, json: string): string {
  return `{"event":"${event}","data":${json}}`;
}

/** Items as the one argument of a batch, as JSON. */
export function batchJson(items: readonly string[]): string {
  return `[${items.join()}]`;
}

/** Collects the events of one socket, and gives them on 100 ms after the first of them, or when there are 64. */
export class EventBatch {
  readonly #send: (json: string) => void;
  #items: string[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param send gets the one argument of a batch as JSON */
  constructor(send: (json: string) => void) {
    this.#send = send;
  }

  add(item: string): void {
    const count = this.#items.push(item);
    if (count === FLUSH_AT_EVENTS) this.flush();
    else if (count === 1) this.#timer = setTimeout(() => this.flush(), FLUSH_AFTER_MS);
  }

  /** Gives on what there is now. */
  flush(): void {
    clearTimeout(this.#timer);
    if (this.#items.length === 0) return;
    const items = this.#items;
    this.#items = [];
    this.#send(batchJson(items));
  }
}
