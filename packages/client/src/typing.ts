/** A typing notice ends on the server after 6 s without renewal: contract §4. */
const RENEW_MS = 3_000;

/** Turns "a key was pressed" into as few notices as do: the first, one every 3 s, and the end. */
export class TypingNotices {
  readonly #notify: (chatId: string, isTyping: boolean) => void;
  readonly #now: () => number;
  readonly #renewed = new Map<string, number>();

  constructor(notify: (chatId: string, isTyping: boolean) => void, now: () => number = Date.now) {
    this.#notify = notify;
    this.#now = now;
  }

  set(chatId: string, isTyping: boolean): void {
    const renewed = this.#renewed.get(chatId);
    if (!isTyping) {
      if (this.#renewed.delete(chatId)) this.#notify(chatId, false);
    } else if (renewed === undefined || this.#now() - renewed >= RENEW_MS) {
      this.#renewed.set(chatId, this.#now());
      this.#notify(chatId, true);
    }
  }

  /** A message ends its author's typing by itself; so does the end of a connection. */
  forget(chatId?: string): void {
    if (chatId === undefined) this.#renewed.clear();
    else this.#renewed.delete(chatId);
  }
}
