import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Follower, type ReadAfter } from '../../src/log/follower.ts';
import type { LogEntry } from '../../src/log/log-entry.ts';
import { readEntries } from '../../src/log/stream-log.repository.ts';
import { WriteQueue } from '../../src/log/write-queue.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { ENGINES, openMigrated, type OpenEngine } from '../support/engines.ts';
import { seededRandom } from '../support/random.ts';
import { CommitRecorder, upTo } from './commit-recorder.ts';

describe('follower', () => {
  let opened: OpenEngine;
  let storage: Storage;
  let stream: string;
  let tests = 0;
  let reads: [string, number][];
  let failures = 0;
  let follower: Follower;
  let told: LogEntry[];

  beforeAll(async () => {
    opened = await openMigrated(ENGINES[0]!);
    storage = opened.storage;
  });
  afterAll(() => opened.close());
  beforeEach(() => {
    stream = `chat:${tests++}`;
    reads = [];
    failures = 0;
    told = [];
    follower = new Follower(read);
    follower.onEntry((entry) => told.push(entry));
  });

  const read: ReadAfter = async (id, version, limit) => {
    reads.push([id, version]);
    if (failures-- > 0) throw new Error('the store is away');
    return await readEntries(storage.db, id, version, limit);
  };
  /** Commits `count` entries that this follower hears nothing of, and returns them. */
  async function committedElsewhere(id: string, count: number): Promise<LogEntry[]> {
    const recorder = new CommitRecorder();
    await new WriteQueue(storage, recorder).run([id], async (tx) => upTo(count).map((n) => tx.append(id, 'changed', { n })));
    return recorder.entries;
  }
  const versions = (id = stream) => told.filter((entry) => entry.stream === id).map(({ version }) => version);
  const toldInTheEnd = (expected: number[], id = stream) => vi.waitFor(() => expect(versions(id)).toEqual(expected), 5_000);

  test('entries in order are told at once, without asking the store', async () => {
    const entries = await committedElsewhere(stream, 3);
    follower.receive(entries);
    expect(told).toEqual(entries);
    expect(reads).toEqual([]);
  });

  test('entries that came before are told once', async () => {
    const entries = await committedElsewhere(stream, 3);
    follower.receive([...entries, ...entries]);
    follower.receive(entries);
    expect(versions()).toEqual([1, 2, 3]);
  });

  test('a gap is filled from the store, in order, and what arrives meanwhile waits its turn', async () => {
    const entries = await committedElsewhere(stream, 6);
    follower.receive([entries[0]!]);
    follower.receive([entries[3]!]);
    expect(versions()).toEqual([1]);
    follower.receive([entries[1]!, entries[4]!, entries[5]!]);
    await toldInTheEnd([1, 2, 3, 4, 5, 6]);
    expect(told).toEqual(entries);
  });

  test('a gap longer than a page is filled whole', async () => {
    const entries = await committedElsewhere(stream, 1_050);
    follower.receive([entries[0]!, entries[1_049]!]);
    await toldInTheEnd(upTo(1_050));
  });

  test('streams do not wait for each other', async () => {
    const [slow, fast] = [await committedElsewhere(stream, 3), await committedElsewhere(`${stream}:other`, 2)];
    failures = 1;
    follower.receive([slow[0]!, slow[2]!]);
    follower.receive(fast);
    expect(versions(`${stream}:other`)).toEqual([1, 2]);
    expect(versions()).toEqual([1]);
    await toldInTheEnd([1, 2, 3]);
  });

  test('a store that fails in the middle of a fill is asked again until it answers', async () => {
    const entries = await committedElsewhere(stream, 500);
    follower.receive([entries[0]!]);
    failures = 2;
    follower.receive([entries[499]!]);
    await toldInTheEnd(upTo(500));
    expect(reads.length).toBeGreaterThan(3);
  });

  test('an uncertain commit that was one is told', async () => {
    await committedElsewhere(stream, 2);
    follower.uncertain(new Map([[stream, 0]]));
    await toldInTheEnd([1, 2]);
  });

  test('an uncertain commit that was none tells nothing, and the next one takes its version', async () => {
    const entries = await committedElsewhere(stream, 1);
    follower.receive(entries);
    follower.uncertain(new Map([[stream, 1]]));
    await vi.waitFor(() => expect(reads).toEqual([[stream, 1]]));
    follower.receive(await committedElsewhere(stream, 2));
    await toldInTheEnd([1, 2, 3]);
  });

  test('entries whose hint is only a rumour do not stop the stream', async () => {
    const entries = await committedElsewhere(stream, 1);
    follower.receive(entries);
    follower.receive([{ ...entries[0]!, version: 50 }]);
    await vi.waitFor(() => expect(reads).toEqual([[stream, 1]]));
    follower.receive(await committedElsewhere(stream, 1));
    await toldInTheEnd([1, 2]);
  });

  test('what retention has deleted is passed over', async () => {
    const entries = await committedElsewhere(stream, 5);
    follower.receive([entries[0]!]);
    await storage.transaction(({ db }) => db.deleteFrom('stream_log').where('stream', '=', stream).where('version', '<', 4).execute());
    follower.receive([entries[4]!]);
    await toldInTheEnd([1, 4, 5]);
  });

  test('after stop it asks no more', async () => {
    const entries = await committedElsewhere(stream, 3);
    failures = Infinity;
    follower.receive([entries[0]!, entries[2]!]);
    follower.stop();
    await vi.waitFor(() => expect(reads).toHaveLength(1));
    failures = 0;
    // The retry that was waiting has had its time.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(reads).toHaveLength(1);
    expect(versions()).toEqual([1]);
  });

  test('what this node commits is told here and carried to the others', async () => {
    const carried: LogEntry[] = [];
    const other = new Follower(read);
    other.onEntry((entry) => told.push(entry));
    const node = new Follower(read, {
      publish: (entries) => {
        carried.push(...entries);
        other.receive(entries);
      },
      publishUnknown: () => undefined,
    });
    const here: LogEntry[] = [];
    node.onEntry((entry) => here.push(entry));
    await new WriteQueue(storage, node).run([stream], async (tx) => upTo(3).map((n) => tx.append(stream, 'changed', { n })));
    expect(here).toEqual(carried);
    expect(told).toEqual(carried);
    expect(carried.map(({ version }) => version)).toEqual([1, 2, 3]);
  });

  test('with other nodes: what is followed is told whole; of what is not, what they wrote is passed over, and memory is told so', async () => {
    const node = new Follower(read, { publish: () => undefined, publishUnknown: () => undefined });
    const skipped: string[] = [];
    node.onEntry((entry) => told.push(entry));
    node.onSkipped((id) => skipped.push(id));
    const entries = await committedElsewhere(stream, 9);
    const other = `${stream}:other`;
    node.receive([entries[0]!, entries[3]!]);
    expect(versions()).toEqual([1, 4]);
    expect([skipped, reads]).toEqual([[stream], []]);
    expect(node.follows(stream)).toBe(false);
    // From the version where following begins.
    node.follow(stream, 6);
    node.follow(other, 0);
    expect(skipped).toEqual([stream, stream, other]);
    expect(node.follows(stream)).toBe(true);
    node.receive([entries[5]!, entries[8]!]);
    await toldInTheEnd([1, 4, 7, 8, 9]);
    node.unfollow(stream);
    expect(node.follows(stream)).toBe(false);
    expect(node.reached(stream)).toBe(9);
  });

  test('"Every socket gets a stream\'s events in version order, each once, on every node": shuffled, repeated, lost, a store that comes and goes', async () => {
    const random = seededRandom();
    const streams = upTo(8).map((n) => `${stream}:${n}`);
    const committed = new Map<string, LogEntry[]>();
    for (const id of streams) {
      committed.set(id, await committedElsewhere(id, 1));
      // From here on the node has sockets that listen to it.
      follower.receive(committed.get(id)!);
    }

    const underWay: LogEntry[] = [];
    for (let round = 0; round < 60; round++) {
      const id = streams[random.below(streams.length)]!;
      const entries = await committedElsewhere(id, 1 + random.below(5));
      committed.get(id)!.push(...entries);
      for (const entry of entries) {
        const copies = random.below(4); // 0: lost
        for (let i = 0; i < copies; i++) underWay.push(entry);
      }
      if (random.below(8) === 0) failures = random.below(3);
      const arriving = random.shuffle(underWay.splice(0, random.below(underWay.length + 1)));
      while (arriving.length > 0) {
        follower.receive(arriving.splice(0, 1 + random.below(3)));
        if (random.below(2) === 0) await nextTurn();
      }
    }
    follower.receive(random.shuffle(underWay));
    // The last hint of each stream may have been lost too: the next change brings it all.
    for (const id of streams) {
      const last = await committedElsewhere(id, 1);
      committed.get(id)!.push(...last);
      follower.receive(last);
    }

    for (const id of streams) {
      const expected = committed.get(id)!;
      await vi.waitFor(() => expect(versions(id), `SEED=${random.seed}`).toEqual(upTo(expected.length)), 10_000);
      expect(
        told.filter((entry) => entry.stream === id),
        `SEED=${random.seed}`,
      ).toEqual(expected);
    }
  });
});
