import { v2 } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import { EventBundle, type EncodedEvent } from '../../realtime/event-bundle.ts';
import type { Acquaintance } from './contacts.ts';
import type { PresenceChange } from './presence.service.ts';

const { userOnline, userOffline } = v2.serverEvents;

/** A change as the v2 document shows it. */
function encoded({ userId, online, lastSeen }: PresenceChange): EncodedEvent {
  const { name } = online ? userOnline : userOffline;
  return { event: name, json: JSON.stringify({ user_id: userId, online, last_seen: isoTime(lastSeen) } satisfies v2.UserPresence) };
}

/** Users who are all told of the same changes, each of all but their own. */
export class Circle {
  readonly receivers: Iterable<string>;
  readonly subjects: readonly number[];
  readonly #places: ReadonlyMap<number, number>;
  readonly #events: readonly EncodedEvent[];
  /** What most get. */
  readonly #whole: EventBundle;
  /** The same in parts, for who must not get one of them. */
  #parts: readonly EventBundle[] | undefined;

  constructor(events: readonly EncodedEvent[], { subjects, receivers }: Acquaintance) {
    this.subjects = subjects;
    this.receivers = receivers;
    this.#places = new Map(subjects.map((subject, place) => [subject, place]));
    this.#events = subjects.map((subject) => events[subject]!);
    this.#whole = new EventBundle(this.#events);
  }

  has(subject: number): boolean {
    return this.#places.has(subject);
  }

  /** What a receiver gets. @param own the subject that the receiver is, if any */
  bundlesWithout(own: number | undefined): EventBundle[] {
    const place = own === undefined ? undefined : this.#places.get(own);
    if (place === undefined) return [this.#whole];
    if (this.#events.length === 1) return [];
    // As long as there are parts: of n newcomers none costs more than twice the root of n.
    const length = Math.ceil(Math.sqrt(this.#events.length));
    const part = (i: number) => this.#events.slice(i * length, (i + 1) * length);
    const count = Math.ceil(this.#events.length / length);
    this.#parts ??= Array.from({ length: count }, (_, i) => new EventBundle(part(i)));
    const ownPart = Math.floor(place / length);
    return [
      ...this.#parts.filter((_, i) => i !== ownPart),
      new EventBundle(part(ownPart).filter((_, i) => ownPart * length + i !== place)),
    ];
  }
}

/**
 * Who is told what, where many come and go at once: each change is encoded once, and what the same people are told is one bundle, so
 * that n newcomers cost n writes to sockets and not the square of it. Nobody is told of oneself, and nobody of anybody twice.
 */
export class Announcement {
  readonly #events: readonly EncodedEvent[];
  readonly #subjects: ReadonlyMap<string, number>;
  readonly #singles: EventBundle[] = [];
  readonly circles: readonly Circle[];

  /** @param audience who is told of which of the changes */
  constructor(changes: readonly PresenceChange[], audience: readonly Acquaintance[]) {
    this.#events = changes.map(encoded);
    this.#subjects = new Map(changes.map(({ userId }, i) => [userId, i]));
    this.circles = audience.map((acquaintance) => new Circle(this.#events, acquaintance));
  }

  /** What a receiver is told, who is in these circles: the largest as a whole, and what the others have beside it. */
  bundlesFor(userId: string, circles: readonly Circle[]): EventBundle[] {
    const own = this.#subjects.get(userId);
    const largest = circles.reduce((a, b) => (b.subjects.length > a.subjects.length ? b : a));
    const bundles = largest.bundlesWithout(own);
    if (circles.length === 1) return bundles;
    const more = new Set<number>();
    for (const circle of circles) {
      if (circle === largest) continue;
      for (const subject of circle.subjects) if (subject !== own && !largest.has(subject)) more.add(subject);
    }
    for (const subject of more) bundles.push(this.#single(subject));
    return bundles;
  }

  #single(subject: number): EventBundle {
    return (this.#singles[subject] ??= new EventBundle([this.#events[subject]!]));
  }
}
