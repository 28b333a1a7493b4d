import { payloadProblem, type ClientEvent } from '@majlis/contract';
import { z } from 'zod';
import { Failure, invalid } from '../errors.ts';
import { asFailure, errorBody, failureOf } from './error-body.ts';
import type { EventLog } from './event-log.ts';
import type { Place } from './gateway.ts';
import type { Metrics } from './metrics.ts';
import type { RateLimiter } from './rate-limiter.ts';
import type { Session } from './session.ts';
import type { SessionRegistry } from './session-registry.ts';
import type { InboundPacket } from './socket-io-internals.ts';

/** A handler as the pipeline calls it: its gateway is bound, its payload validated. */
type BoundHandler = (session: Session, payload: unknown) => unknown;

interface Registered {
  event: ClientEvent;
  handler: BoundHandler;
  /** The dialect that a socket speaks from this event on; undefined: as before. */
  turnsTo: string | undefined;
  /** Keys of its payload that the event has in no other dialect of the namespace. */
  ownKeys: readonly string[];
}

/** An inbound event that was answered, without its content. */
export interface HandledEvent {
  session: Session;
  /** `unknown` where the contract has no such name. */
  event: string;
  ok: boolean;
  durationMs: number;
}

/** How errors are wrapped for a caller that gave an acknowledgement callback: contract §2. */
const BARE_ERROR_NAMESPACES = new Set(['/chat', '/projects', '/admin']);

// A flood of refused events is told of once a second, so that the answers do not become a flood themselves.
const TELL_OF_LIMIT_EVERY_MS = 1_000;

/**
 * The one way in: rate limit → known event → size and depth → schema → handler → acknowledgement → metrics and event log.
 * Errors are answered here and nowhere else, so no handler catches, none can end the process, and no event that asks for an
 * acknowledgement stays without one.
 */
export class Pipeline {
  /** By namespace and name; a name that two dialects of a namespace share has a handler in each. */
  readonly #handlers = new Map<string, Map<string, [Registered, ...Registered[]]>>();
  readonly #limiter: RateLimiter;
  readonly #sessions: SessionRegistry;
  readonly #metrics: Metrics;
  readonly #eventLog: EventLog;
  readonly #onUnexpected: (error: unknown, event: string) => void;
  #watcher: ((handled: HandledEvent) => void) | undefined;

  constructor(parts: {
    limiter: RateLimiter;
    sessions: SessionRegistry;
    metrics: Metrics;
    eventLog: EventLog;
    onUnexpected: (error: unknown, event: string) => void;
  }) {
    this.#limiter = parts.limiter;
    this.#sessions = parts.sessions;
    this.#metrics = parts.metrics;
    this.#eventLog = parts.eventLog;
    this.#onUnexpected = parts.onUnexpected;
  }

  /** Makes a handler known; once for each event of a place. */
  register(place: Place, event: ClientEvent, handler: BoundHandler): void {
    const { namespace, dialect: turnsTo } = typeof place === 'string' ? { namespace: place, dialect: undefined } : place;
    let table = this.#handlers.get(namespace);
    if (!table) this.#handlers.set(namespace, (table = new Map()));
    const others = table.get(event.name) ?? [];
    if (others.some((other) => other.turnsTo === turnsTo)) throw new Error(`${namespace} has two handlers for ${event.name}`);
    table.set(event.name, withOwnKeys([{ event, handler, turnsTo, ownKeys: [] }, ...others]));
  }

  /** From now on `watcher` is told of every event that was answered; undefined: nobody is. Must not throw. */
  watch(watcher: ((handled: HandledEvent) => void) | undefined): void {
    this.#watcher = watcher;
  }

  /** Takes one inbound packet of a socket. Never throws and never rejects. */
  receive(session: Session, packet: InboundPacket): void {
    const started = performance.now();
    const name = packet.data?.[0];
    const dialects = typeof name === 'string' ? this.#handlers.get(session.namespace)?.get(name) : undefined;
    const known = dialects && (dialects.length === 1 ? dialects[0] : meant(session, dialects, packet));
    this.#eventLog.write(session, known ? known.event.name : 'unknown');
    try {
      const answer = this.#handle(session, packet, known);
      if (answer instanceof Promise) {
        answer.then(
          (value) => this.#succeed(session, packet, known!, value, started),
          (error: unknown) => this.#fail(session, packet, known, inWordsOf(session, error), started),
        );
      } else this.#succeed(session, packet, known!, answer, started);
    } catch (error) {
      this.#fail(session, packet, known, error, started);
    }
  }

  #handle(session: Session, packet: InboundPacket, known: Registered | undefined): unknown {
    const allowed = this.#limiter.take(session.userId, known?.event.budget ?? 'light');
    if (!allowed.ok) throw new Failure('RATE_LIMIT', { retry_after_ms: allowed.retryAfterMs });
    if (packet.malformed) throw invalid('payload', packet.malformed);
    if (!known) throw new Failure('UNKNOWN_EVENT');
    if (known.turnsTo !== undefined && known.turnsTo !== session.dialect) {
      session.dialect = known.turnsTo;
      this.#sessions.changed(session);
    }
    const payload = firstArgument(packet.data!);
    const problem = payloadProblem(payload);
    if (problem) throw invalid(problem.field, problem.problem);
    const parsed = known.event.payload.safeParse(payload);
    if (!parsed.success) throw failureOf(parsed.error);
    return known.handler(session, parsed.data);
  }

  #succeed(session: Session, packet: InboundPacket, { event }: Registered, answer: unknown, started: number): void {
    if (packet.id !== undefined) session.acknowledge(packet.id, answer);
    const durationMs = performance.now() - started;
    this.#metrics.handled(event.name, durationMs / 1000);
    this.#watcher?.({ session, event: event.name, ok: true, durationMs });
  }

  #fail(session: Session, packet: InboundPacket, known: Registered | undefined, error: unknown, started: number): void {
    const failure = asFailure(error);
    const name = known?.event.name ?? 'unknown';
    if (failure.code === 'SOCKET_ERROR' && !(error instanceof Failure)) this.#onUnexpected(error, name);
    this.#metrics.failed(name, failure.code);
    this.#watcher?.({ session, event: name, ok: false, durationMs: performance.now() - started });
    // Refused events count against the light budget as well, so that nobody hammers with what is refused anyway.
    if (known && known.event.budget !== 'light' && failure.code !== 'UNAVAILABLE') this.#limiter.take(session.userId, 'light');
    if (failure.code === 'RATE_LIMIT' && known?.event.dropsSilently) {
      if (packet.id !== undefined) session.acknowledge(packet.id, known.event.dropsSilently);
      return;
    }
    const body = errorBody(failure, session.locale, known?.event.name);
    if (packet.id !== undefined)
      session.acknowledge(packet.id, BARE_ERROR_NAMESPACES.has(session.namespace) ? { error: body } : { status: 'error', error: body });
    // On `/` the event comes as well: the v2 document's clients listen to `error` and give no callback.
    if (packet.id !== undefined && session.namespace !== '/') return;
    if (failure.code === 'RATE_LIMIT') {
      const now = Date.now();
      if (now - session.toldOfLimitAt < TELL_OF_LIMIT_EVERY_MS) return;
      session.toldOfLimitAt = now;
    }
    session.send('error', body);
  }
}

/**
 * The payload among a packet's arguments. Clients differ: Dart's library wraps a lone argument in a list when it is told to emit with
 * one, and others add arguments that nobody asked for.
 */
function firstArgument(data: readonly unknown[]): unknown {
  const first = data[1];
  return Array.isArray(first) && first.length === 1 && typeof first[0] === 'object' ? first[0] : first;
}

const keysOf = ({ payload }: ClientEvent) => (payload instanceof z.ZodObject ? Object.keys(payload.shape) : []);

function withOwnKeys(dialects: [Registered, ...Registered[]]): [Registered, ...Registered[]] {
  for (const one of dialects) {
    const elsewhere = new Set(dialects.filter((other) => other !== one).flatMap(({ event }) => keysOf(event)));
    one.ownKeys = keysOf(one.event).filter((key) => !elsewhere.has(key));
  }
  return dialects;
}

/**
 * Which dialect's event is meant by a name that several share: one whose own keys the payload has, before all one that the socket
 * would turn to; else that which the socket speaks. `chat:join {conversationId}` is Depth's, `chat:join {chat_id}` v2's, `sync` anybody's.
 */
function meant(session: Session, dialects: readonly [Registered, ...Registered[]], packet: InboundPacket): Registered {
  const payload = packet.data && firstArgument(packet.data);
  const shows = ({ ownKeys }: Registered) =>
    typeof payload === 'object' && payload !== null && ownKeys.some((key) => Object.hasOwn(payload, key));
  const speaks = ({ turnsTo }: Registered) => turnsTo === session.dialect;
  const own = dialects.find(({ turnsTo }) => turnsTo === undefined)!;
  return dialects.find((one) => one !== own && shows(one)) ?? (shows(own) ? own : (dialects.find(speaks) ?? own));
}

const SNAKE_CASE_DIALECTS: ReadonlySet<string> = new Set(['v2', 'khawam']);

/** A refusal of the domain, which names fields in snake_case, as a socket's dialect writes them. */
function inWordsOf(session: Session, error: unknown): unknown {
  const field = error instanceof Failure ? error.details?.['field'] : undefined;
  if (!(error instanceof Failure) || typeof field !== 'string' || SNAKE_CASE_DIALECTS.has(session.dialect)) return error;
  const camel = field.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return new Failure(error.code, { ...error.details, field: camel }, error.sentence);
}
