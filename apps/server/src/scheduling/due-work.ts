import type { Logger } from 'pino';

/** Work of which the store says when it is due. */
export interface DueWork {
  /** For the log. */
  readonly name: string;
  /** When the next piece of it is due (ms); undefined where nothing waits. */
  next(): Promise<number | undefined>;
  /** Does some of what is due. Each piece is claimed in the transaction that does it, so that it is done once, on whatever node, and whatever crashes. */
  doSome(): Promise<void>;
}

const RETRY_MS = 1_000;
// For what other nodes left behind, and what was told to nobody here.
const LOOK_EVERY_MS = 60_000;

/** Looks after one kind of work on this node: at its times, at once where somebody says so, and now and then in any case. */
export class WorkWatch {
  readonly #work: DueWork;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;
  /** When the next look is. */
  #due = Infinity;
  #looking: Promise<void> | undefined;
  #active = false;

  constructor(work: DueWork, logger: Logger) {
    this.#work = work;
    this.#logger = logger;
  }

  /** Looks at once, and from then on whenever there is a reason to. */
  start(): void {
    this.#active = true;
    this.lookAt(Date.now());
  }

  /** Looks at `time` (ms) at the latest. Before the start there is no need to: it looks then. */
  lookAt(time: number): void {
    if (!this.#active || time >= this.#due) return;
    this.#due = time;
    if (!this.#looking) this.#wait();
  }

  /** Looks no more; resolves when the look that is under way has ended. */
  async stop(): Promise<void> {
    this.#active = false;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.#looking = this.#look().finally(() => {
          this.#looking = undefined;
          if (this.#active) this.#wait();
        });
      },
      Math.max(0, this.#due - Date.now()),
    );
  }

  async #look(): Promise<void> {
    this.#due = Infinity;
    try {
      await this.#work.doSome();
      // Where more is due than was done, that is at once.
      const next = (await this.#work.next()) ?? Infinity;
      this.lookAt(Math.min(next, Date.now() + LOOK_EVERY_MS));
    } catch (err) {
      if (this.#active) this.#logger.warn({ err, work: this.#work.name }, 'Work that is due could not be done; tried again');
      this.lookAt(Date.now() + RETRY_MS);
    }
  }
}
