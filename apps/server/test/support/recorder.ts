/** What a socket received, from before it connected; waits look at what is already there, so nothing is missed and nothing sleeps. */

/** One thing that was received. */
export interface Received {
  event: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- what a test expects of it is what the test says
  data: any;
  /** How many arguments the event had. */
  arguments: number;
}

interface Waiter {
  check(): boolean;
}

const PATIENCE_MS = 10_000;

export class Recorder {
  readonly all: Received[] = [];
  readonly #waiters = new Set<Waiter>();

  /** Takes note of something received. */
  add(event: string, args: readonly unknown[]): void {
    this.all.push({ event, data: args[0], arguments: args.length });
    for (const waiter of this.#waiters) if (waiter.check()) this.#waiters.delete(waiter);
  }

  /** The payloads of all events of a name, in order. */
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  of(event: string): any[] {
    return this.all.filter((one) => one.event === event).map((one) => one.data);
  }

  /**
   * Resolves with the payload of the first event of this name that matches, received or yet to come.
   * @throws after 10 s, saying what was received instead
   */
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  next(event: string, matches: (data: any) => boolean = () => true): Promise<any> {
    return this.until(
      () => this.all.find((one) => one.event === event && matches(one.data))?.data,
      `${event} that matches ${String(matches)}`,
    );
  }

  /** Resolves with the payloads of `count` events of this name. @throws after 10 s */
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  count(event: string, count: number): Promise<any[]> {
    return this.until(() => (this.of(event).length >= count ? this.of(event) : undefined), `${count} × ${event}`);
  }

  /** Resolves with what `find` finds. @throws after 10 s, or `patienceMs` */
  until<T>(find: () => T | undefined, what = String(find), patienceMs = PATIENCE_MS): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        const seen = this.all.map(({ event, data }) => `${event} ${JSON.stringify(data)}`.slice(0, 300)).join('\n  ');
        reject(new Error(`waited for ${what}; received:\n  ${seen || 'nothing'}`));
      }, patienceMs);
      const waiter: Waiter = {
        check: () => {
          const found = find();
          if (found === undefined) return false;
          clearTimeout(timer);
          resolve(found);
          return true;
        },
      };
      if (!waiter.check()) this.#waiters.add(waiter);
    });
  }
}
