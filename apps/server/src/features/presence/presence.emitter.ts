import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { SETTINGS } from '../../config/config.module.ts';
import type { Settings } from '../../config/settings.ts';
import { LOGGER } from '../../logger.ts';
import { Publisher } from '../../realtime/publisher.ts';
import type { Session } from '../../realtime/session.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';
import { whileStoreAway } from '../../realtime/while-store-away.ts';
import { Announcement, type Circle } from './announcement.ts';
import { Contacts, type Acquaintance } from './contacts.ts';
import { PresenceService, type PresenceChange } from './presence.service.ts';

// Above so many users online `auto` tells contacts only: contract §4.
const EVERYONE_UP_TO = 1_000;
// What happens within this time is told together. In a storm the pauses grow with what telling costs: a socket written to is paid for
// with ten times the 10 µs that it takes, so presence has about a tenth of the processor however many come at once.
const GATHER_MS = 20;
const PAUSE_PER_RECEIVER_MS = 0.1;
// About 3 ms of work each; then the event loop has its turn.
const TOLD_A_TURN = 200;
const VISITED_A_TURN = 20_000;

/** Only the v2 document has presence. */
const wants = ({ namespace, dialect }: Session) => namespace === '/' && dialect === 'v2';

const pause = (ms: number) => delay(ms, undefined, { ref: false });
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** From sockets to presence, and from presence to sockets. */
@Injectable()
export class PresenceEmitter implements OnModuleInit, OnModuleDestroy {
  readonly #publisher: Publisher;
  readonly #sessions: SessionRegistry;
  readonly #presence: PresenceService;
  readonly #contacts: Contacts;
  readonly #logger: Logger;
  readonly #audience: Settings['PRESENCE_AUDIENCE'];
  #narrow: boolean;
  /** Users who came or went here since their ties were last looked after. */
  #touched = new Set<string>();
  #running = false;
  #stopped = false;

  constructor(
    publisher: Publisher,
    sessions: SessionRegistry,
    presence: PresenceService,
    contacts: Contacts,
    @Inject(SETTINGS) settings: Settings,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.#publisher = publisher;
    this.#sessions = sessions;
    this.#presence = presence;
    this.#contacts = contacts;
    this.#logger = logger;
    this.#audience = settings.PRESENCE_AUDIENCE;
    this.#narrow = this.#audience === 'contacts';
  }

  onModuleInit(): void {
    this.#sessions.onOpen(({ userId }) => {
      if (this.#sessions.of(userId).size === 1) this.#own(userId, true);
    });
    this.#sessions.onClose(({ userId }) => {
      if (this.#sessions.of(userId).size === 0) this.#own(userId, false);
    });
    this.#presence.onChange(() => {
      if (!this.#running) void this.#run();
    });
  }

  onModuleDestroy(): void {
    this.#stopped = true;
  }

  #own(userId: string, here: boolean): void {
    this.#touched.add(userId);
    this.#presence.own(userId, here);
  }

  async #run(): Promise<void> {
    this.#running = true;
    await pause(GATHER_MS);
    for (let changes = this.#presence.take(); changes.length > 0 && !this.#stopped; changes = this.#presence.take()) {
      const receivers = await this.#tell(changes).catch((err: unknown) => {
        this.#logger.error({ err }, 'Nobody could be told who came and went');
        return 0;
      });
      await pause(GATHER_MS + receivers * PAUSE_PER_RECEIVER_MS);
    }
    this.#running = false;
  }

  /** @returns how many users were told */
  async #tell(changes: readonly PresenceChange[]): Promise<number> {
    this.#chooseAudience();
    const touched = this.#touched;
    this.#touched = new Set();
    const announcement = new Announcement(changes, this.#narrow ? await this.#contactsOf(changes, touched) : this.#everyone(changes));
    const receivers = await circlesByReceiver(announcement);
    let told = 0;
    for (const [userId, circles] of receivers) {
      this.#publisher.bundlesToUser(userId, announcement.bundlesFor(userId, circles), wants);
      if (++told % TOLD_A_TURN === 0) await nextTurn();
    }
    for (const userId of touched) if (this.#sessions.of(userId).size === 0) this.#contacts.forget(userId);
    return told;
  }

  #chooseAudience(): void {
    if (this.#audience !== 'auto') return;
    const usersOnline = this.#presence.count;
    const narrow = usersOnline > EVERYONE_UP_TO;
    if (narrow === this.#narrow) return;
    this.#narrow = narrow;
    // Whose ties were not needed until now.
    if (narrow) for (const userId of this.#sessions.userIds()) this.#touched.add(userId);
    this.#logger.info({ usersOnline }, `Presence is told to ${narrow ? 'contacts' : 'everyone'} from now on`);
  }

  #everyone(changes: readonly PresenceChange[]): Acquaintance[] {
    return [{ subjects: [...changes.keys()], receivers: [...this.#sessions.userIds()] }];
  }

  // While the store is away nobody knows who the contacts are: what changes meanwhile gathers, and is told when it is back.
  async #contactsOf(changes: readonly PresenceChange[], touched: Set<string>): Promise<Acquaintance[]> {
    const ids = changes.map(({ userId }) => userId);
    for (const id of ids) touched.add(id);
    await whileStoreAway(() => this.#contacts.load(touched), Infinity);
    return this.#contacts.of(ids);
  }
}

async function circlesByReceiver(announcement: Announcement): Promise<Map<string, Circle[]>> {
  const receivers = new Map<string, Circle[]>();
  let visited = 0;
  for (const circle of announcement.circles) {
    for (const userId of circle.receivers) {
      const circles = receivers.get(userId);
      if (circles) circles.push(circle);
      else receivers.set(userId, [circle]);
      if (++visited % VISITED_A_TURN === 0) await nextTurn();
    }
  }
  return receivers;
}
