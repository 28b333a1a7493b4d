import { randomUUID } from 'node:crypto';
import { NodeBus, busKind } from './node-bus.ts';
import type { RedisLink } from './redis-link.ts';

/** One kind of question to the other nodes, and what each answers: JSON. */
export interface QuestionKind<Question, Answer> {
  readonly name: string;
  /** Only for the compiler. */
  readonly types?: [Question, Answer];
}

/** A kind of question between nodes. @param name of its own, as `admin.sockets` */
export const questionKind = <Question, Answer>(name: string): QuestionKind<Question, Answer> => ({ name });

interface Waiting {
  /** Nodes that have not answered yet. */
  readonly nodes: Set<string>;
  readonly answers: unknown[];
  done(): void;
}

const QUESTION = busKind<{ id: string; name: string; question: unknown }>('nodes.question');
const ANSWER = busKind<{ id: string; answer: unknown }>('nodes.answer');

const PATIENCE_MS = 1_000;
// Nodes say that they are there twice a second.
const ALIVE_WITHIN_MS = 2_000;

/** Asks all other nodes something. Those that live answer in milliseconds; for one that does not nobody waits longer than a second. */
export class NodeQuestions {
  readonly #bus: NodeBus;
  readonly #link: RedisLink | undefined;
  readonly #handlers = new Map<string, (question: never) => unknown>();
  readonly #waiting = new Map<string, Waiting>();

  constructor(bus: NodeBus, link: RedisLink | undefined) {
    this.#bus = bus;
    this.#link = link;
    bus.on(QUESTION, ({ id, name, question }) => {
      const handler = this.#handlers.get(name);
      if (handler) bus.publish(ANSWER, { id, answer: handler(question as never) });
    });
    bus.on(ANSWER, ({ id, answer }, from) => this.#answered(id, answer, from));
  }

  /** Makes `handler` answer a kind of question; once, at start. Must not throw. */
  answer<Question, Answer>(kind: QuestionKind<Question, Answer>, handler: (question: Question) => Answer): void {
    this.#handlers.set(kind.name, handler);
  }

  /** What the other nodes answer, in no particular order; of who does not in time, nothing. */
  ask<Question, Answer>(kind: QuestionKind<Question, Answer>, question: Question): Promise<Answer[]> {
    const nodes = new Set([...(this.#link?.peers ?? [])].filter(([, silentMs]) => silentMs < ALIVE_WITHIN_MS).map(([node]) => node));
    if (!this.#link?.up || nodes.size === 0) return Promise.resolve([]);
    const id = randomUUID();
    return new Promise((resolve) => {
      const answers: unknown[] = [];
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve(answers as Answer[]);
      };
      const timer = setTimeout(done, PATIENCE_MS);
      this.#waiting.set(id, { nodes, answers, done });
      this.#bus.publish(QUESTION, { id, name: kind.name, question });
    });
  }

  #answered(id: string, answer: unknown, from: string): void {
    const waiting = this.#waiting.get(id);
    if (!waiting?.nodes.delete(from)) return;
    waiting.answers.push(answer);
    if (waiting.nodes.size === 0) waiting.done();
  }
}
