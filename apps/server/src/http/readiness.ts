import { Inject, Injectable } from '@nestjs/common';
import { Failure } from '../errors.ts';
import { STORAGE } from '../storage/storage.module.ts';
import type { Storage } from '../storage/storage.ts';
import { Drain } from './drain.ts';

// Probes of several load balancers share one look at the store.
const CHECKED_FOR_MS = 1_000;

/** Whether this node should be given connections. */
@Injectable()
export class Readiness {
  readonly #storage: Storage;
  readonly #drain: Drain;
  #checked: { at: number; result: Promise<void> } | undefined;

  constructor(@Inject(STORAGE) storage: Storage, drain: Drain) {
    this.#storage = storage;
    this.#drain = drain;
  }

  /** Resolves where the store answers and the node is not draining. @throws Failure UNAVAILABLE */
  async check(): Promise<void> {
    if (this.#drain.draining) throw new Failure('UNAVAILABLE', { reason: 'draining' });
    try {
      await this.#storeAnswers();
    } catch {
      throw new Failure('UNAVAILABLE', { reason: 'the store is away' });
    }
  }

  #storeAnswers(): Promise<void> {
    const now = performance.now();
    if (!this.#checked || now - this.#checked.at > CHECKED_FOR_MS) this.#checked = { at: now, result: this.#storage.check() };
    return this.#checked.result;
  }
}
