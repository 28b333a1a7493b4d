import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { between, emptyTally, read } from './measurement.ts';
import type { Measured, Measurement } from './measurement.ts';
import { pace } from './pace.ts';
import { RawClient } from './raw-client.ts';
import type { PacketObserver } from './raw-client.ts';
import { inbox } from './raw-websocket.ts';

/** One connection to make: a user, and the chat it joins. */
export interface Seat {
  /** JSON text of the CONNECT packet's payload. */
  auth: string;
  chatId: string | null;
  sends: boolean;
}

/** What a server sends beyond the message to the other members; a run that counts anything else fails. */
export interface Expectations {
  /** Whether a sender gets its own message. */
  ownCopy: boolean;
  /** Delivered receipts that the sender gets for each message. */
  receiptsPerMessage: number;
}

/** What messages are. */
export interface MessageForm {
  /** Of the content; from 40 on. */
  characters: number;
  /** Whether the connections ask for per-message compression. */
  compressed: boolean;
}

/** How messages are sent: by all senders as fast as acknowledgements allow, or evenly at a fixed rate, in turn. */
export type Load = { kind: 'closed'; window: number } | { kind: 'paced'; messagesPerSecond: number };

export interface Phase extends Measured {
  load: Load;
  warmUpMs: number;
  measureMs: number;
  /** How long what was sent may take to arrive after the last send, before it counts as missing. */
  drainMs: number;
}

const connectsAtOnce = 50;
/** Primes, so that the sample does not fall on the same members again and again. */
const sampleEvery: Record<Load['kind'], number> = { closed: 251, paced: 7 };

/** The members of one chat and what was sent to it. */
class ChatLedger {
  readonly members: Member[] = [];
  acknowledged = 0;
  receipts = 0;
}

/** Connections of one load generator to one server, the messages between them, and the proof that none is missing. */
export class Traffic {
  readonly tally = emptyTally();
  readonly expectations: Expectations;
  readonly form: MessageForm;
  readonly #members: Member[] = [];
  readonly #chats = new Map<string, ChatLedger>();
  /** Whether an acknowledgement lets its sender send again. */
  refilling = false;
  latencies: number[] = [];
  #untilSample = 1;
  #sampleEvery = 1;
  #failure: Error | undefined;

  constructor(expectations: Expectations, form: MessageForm = { characters: contentLength, compressed: false }) {
    this.expectations = expectations;
    this.form = form;
  }

  /** Connects these seats and joins their chats; rejects with the first refusal. */
  async connect(port: number, seats: readonly Seat[]): Promise<void> {
    const waiting = seats.values();
    const connectInTurn = async (): Promise<void> => {
      for (const seat of waiting) {
        const chat = seat.chatId === null ? undefined : this.#chat(seat.chatId);
        const member = new Member(this, port, seat, chat);
        chat?.members.push(member);
        this.#members.push(member);
        await member.join();
        this.#throwFailure();
      }
    };
    await Promise.all(Array.from({ length: connectsAtOnce }, connectInTurn));
  }

  /** Runs one phase, waits until everything sent has arrived, and rejects where anything is missing, repeated or out of order. */
  async run(phase: Phase): Promise<Measurement> {
    this.#sampleEvery = sampleEvery[phase.load.kind];
    const stop = this.#start(phase.load);
    await this.#wait(phase.warmUpMs);
    this.latencies = [];
    const before = read(phase, this.tally);
    await this.#wait(phase.measureMs);
    const after = read(phase, this.tally);
    const latencies = this.latencies;
    stop();
    await this.#drained(phase.drainMs);
    return between(before, after, phase.serverPid, latencies);
  }

  /** Rejects where a connection broke since the last look; the way to see that idle ones still stand. */
  check(): void {
    this.#throwFailure();
  }

  close(): void {
    for (const member of this.#members) member.client.close();
  }

  fail(reason: Error): void {
    this.#failure ??= reason;
  }

  /** Whether the delivery that has just come is one to look at closely. */
  takesSample(): boolean {
    if (--this.#untilSample > 0) return false;
    this.#untilSample = this.#sampleEvery;
    return true;
  }

  #chat(id: string): ChatLedger {
    let chat = this.#chats.get(id);
    if (!chat) this.#chats.set(id, (chat = new ChatLedger()));
    return chat;
  }

  #start(load: Load): () => void {
    const senders = this.#members.filter((member) => member.seat.sends);
    if (load.kind === 'closed') {
      this.refilling = true;
      for (const sender of senders) {
        for (let sent = 0; sent < load.window; sent++) sender.sendMessage();
        sender.client.flush();
      }
      return () => {
        this.refilling = false;
      };
    }
    let turn = 0;
    return pace(load.messagesPerSecond, () => {
      const sender = senders[turn++ % senders.length]!;
      sender.sendMessage();
      sender.client.flush();
    });
  }

  async #wait(ms: number): Promise<void> {
    await delay(ms);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure;
  }

  async #drained(drainMs: number): Promise<void> {
    const deadline = performance.now() + drainMs;
    for (;;) {
      this.#throwFailure();
      const missing = this.#missing();
      if (missing === undefined) return;
      if (performance.now() > deadline) throw new Error(`${drainMs} ms after the last send ${missing}`);
      await delay(10);
    }
  }

  /** What has not arrived yet. Order and repetition need no look here: each member refuses any `seq` but the next. */
  #missing(): string | undefined {
    for (const [id, chat] of this.#chats) {
      const { acknowledged, receipts } = chat;
      for (const { seat, outstanding, lastSeq } of chat.members) {
        if (outstanding.size > 0) return `${outstanding.size} acknowledgements are missing in chat ${id}`;
        if (seat.sends && !this.expectations.ownCopy) continue;
        if (lastSeq !== acknowledged) return `a member of chat ${id} has ${lastSeq} of ${acknowledged} acknowledged messages`;
      }
      const expected = acknowledged * this.expectations.receiptsPerMessage;
      if (receipts !== expected) return `chat ${id} has ${receipts} of ${expected} delivered receipts`;
    }
    return undefined;
  }
}

/** A big-endian 32-bit number of four ASCII characters, to compare names four at a time. */
const word = (characters: string): number => Buffer.from(characters, 'latin1').readUInt32BE();
/** Where the event's name begins in `42["name",…]`. */
const nameAt = 4;
const nameWords = { chat: word('chat'), mes: word(':mes'), sage: word('sage'), new: word(':new'), del: word(':del'), iver: word('iver') };
const bracket = '['.charCodeAt(0);
const zero = '0'.charCodeAt(0);
const nine = '9'.charCodeAt(0);
const seqKey = '"seq":';
const seqKeyTail = word('eq":');
/** Where the status begins in `[{"status":"sent",…}]`. */
const statusAt = '[{"status":"'.length;
const sent = word('sent');
const contentLength = 40;
const syllables = 'ba be di do fa gu ka le li ma mo na ne ni pa pe ri ro sa si ta te to tu va vi za'.split(' ');

/** Text that compresses about as what people write does, and is the same in every run. */
const prose = ((): string => {
  let text = '';
  let state = 1;
  while (text.length < 1 << 17) {
    // The constants of Numerical Recipes; the high bits are the good ones.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    text += syllables[(state >>> 16) % syllables.length]!;
    if ((state >>> 8) % 3 === 0) text += ' ';
  }
  return text;
})();
let proseAt = 0;

/** The time of sending, and behind it nothing, or text that is another in each message. */
function contentOf(characters: number): string {
  const sentAt = performance.now().toFixed(3).padEnd(contentLength, '.');
  if (characters === contentLength) return sentAt;
  proseAt = (proseAt + 977) % (prose.length - characters);
  return sentAt + prose.slice(proseAt, proseAt + characters - contentLength);
}

/** One connection: takes part in a chat and checks what it receives. */
class Member implements PacketObserver {
  readonly client: RawClient;
  readonly seat: Seat;
  readonly outstanding = new Set<number>();
  /** The `seq` of the latest message received; a message with any other than the next one fails the run. */
  lastSeq = 0;
  readonly #traffic: Traffic;
  readonly #chat: ChatLedger | undefined;
  #nextId = 1;
  /** Where the digits of `seq` began in the latest message, counted from the packet's start. It seldom moves. */
  #seqAt = 0;
  readonly #joined = Promise.withResolvers<void>();

  constructor(traffic: Traffic, port: number, seat: Seat, chat: ChatLedger | undefined) {
    this.#traffic = traffic;
    this.seat = seat;
    this.#chat = chat;
    this.client = new RawClient(port, seat.auth, this, traffic.form.compressed);
  }

  async join(): Promise<void> {
    await this.client.connected;
    if (this.seat.chatId === null) return;
    this.client.send(`420["chat:join",${JSON.stringify({ chat_id: this.seat.chatId })}]`);
    this.client.flush();
    await this.#joined.promise;
  }

  /** Queues a message; it leaves with the client's next flush. */
  sendMessage(): void {
    const id = this.#nextId++;
    this.outstanding.add(id);
    const content = contentOf(this.#traffic.form.characters);
    this.client.send(
      `42${id}["chat:message:send",{"chat_id":"${this.seat.chatId}","type":"text","content":"${content}","client_message_id":"${randomUUID()}"}]`,
    );
  }

  event(start: number, end: number): void {
    const { view } = inbox;
    if (
      end - start > nameAt + 20 &&
      view.getUint32(start + nameAt) === nameWords.chat &&
      view.getUint32(start + nameAt + 4) === nameWords.mes &&
      view.getUint32(start + nameAt + 8) === nameWords.sage
    ) {
      const rest = view.getUint32(start + nameAt + 12);
      if (rest === nameWords.new) return this.#message(start, end);
      if (rest === nameWords.del && view.getUint32(start + nameAt + 16) === nameWords.iver) return this.#receipt();
    }
    if (inbox.text(start, start + 11) === '42["error",') this.#fail(`an error event: ${inbox.text(start, end)}`);
  }

  acknowledgement(start: number, end: number): void {
    const { view } = inbox;
    let at = start + 2;
    let id = 0;
    for (let digit = view.getUint8(at); digit !== bracket; digit = view.getUint8(++at)) id = id * 10 + digit - zero;
    if (id === 0) {
      const [answer] = JSON.parse(inbox.text(at, end)) as [{ status?: string }];
      if (answer.status === 'joined') this.#joined.resolve();
      else this.#fail(`chat:join was answered ${JSON.stringify(answer)}`);
      return;
    }
    if (end - at < statusAt + 4 || view.getUint32(at + statusAt) !== sent)
      return this.#fail(`a message was answered ${inbox.text(at, end)}`);
    if (!this.outstanding.delete(id)) return this.#fail(`acknowledgement ${id} was not asked for, or came twice`);
    this.#chat!.acknowledged++;
    this.#traffic.tally.messages++;
    if (this.#traffic.refilling) this.sendMessage();
  }

  failed(reason: Error): void {
    this.#fail(reason.message);
  }

  #message(start: number, end: number): void {
    const { view } = inbox;
    const { tally } = this.#traffic;
    if (this.#seqAt === 0 || view.getUint32(start + this.#seqAt - 4) !== seqKeyTail) this.#findSeq(start, end);
    let seq = 0;
    for (let at = start + this.#seqAt, digit = view.getUint8(at); digit >= zero && digit <= nine; digit = view.getUint8(++at)) {
      seq = seq * 10 + digit - zero;
    }
    if (seq !== this.lastSeq + 1) this.#fail(`seq ${seq} came after ${this.lastSeq} in chat ${this.seat.chatId}`);
    this.lastSeq = seq;
    tally.deliveries++;
    tally.deliveryBytes += end - start;
    tally.wireBytes += inbox.frameBytes;
    if (this.#traffic.takesSample()) this.#sample(start, end, seq);
  }

  #findSeq(start: number, end: number): void {
    this.#seqAt = inbox.text(start, end).indexOf(seqKey) + seqKey.length;
    if (this.#seqAt < seqKey.length) this.#fail(`a message without seq: ${inbox.text(start, end)}`);
  }

  #sample(start: number, end: number, seq: number): void {
    const [, message] = JSON.parse(inbox.text(start + '42'.length, end)) as [string, { chat_id: string; seq: number; content: string }];
    if (message.chat_id !== this.seat.chatId || message.seq !== seq || message.content.length !== this.#traffic.form.characters) {
      return this.#fail(`a message that is not what was sent: ${JSON.stringify(message)}`);
    }
    this.#traffic.latencies.push(performance.now() - Number.parseFloat(message.content));
  }

  #receipt(): void {
    this.#traffic.tally.receipts++;
    this.#chat!.receipts++;
  }

  #fail(what: string): void {
    const reason = new Error(what);
    this.#joined.reject(reason);
    this.#traffic.fail(reason);
  }
}
