import { describe, expect, it } from 'vitest';
import { MajlisError } from '../src/errors.ts';
import { Outbox, type OutboxChange, type QueuedMessage } from '../src/outbox.ts';
import { memoryStorage, type Storage } from '../src/storage.ts';
import type { SendAck } from '../src/wire.ts';

const message = (id: string, chat_id = 'a'): QueuedMessage => ({
  chat_id,
  client_message_id: id,
  type: 'text',
  content: id,
  queued_at: '',
});
const ack = (id: string): SendAck => ({ status: 'sent', message_id: id, created_at: '', seq: 1 });

/** An outbox whose server answers as `answer` says, attempt by attempt. */
function outbox(answer: (id: string, attempt: number) => string | null, storage: Storage = memoryStorage(), maxQueued = 100) {
  const attempts: string[] = [];
  const changes: string[] = [];
  const box = new Outbox({
    send: async ({ client_message_id: id }) => {
      attempts.push(id);
      const code = answer(id, attempts.length);
      if (code !== null) throw new MajlisError(code, code);
      return ack(id);
    },
    onChange: (change: OutboxChange) => changes.push(`${change.status} ${change.message.client_message_id}`),
    storage,
    storageKey: 'outbox',
    maxQueued,
    backoff: { baseMs: 1, maxMs: 2 },
  });
  return { box, attempts, changes };
}

describe('outbox', () => {
  it('keeps messages until there is a connection, then sends them in order', async () => {
    const { box, attempts } = outbox(() => null);
    const sent = ['1', '2', '3'].map((id) => box.add(message(id)));
    expect(attempts).toEqual([]);
    box.resume();
    expect(await Promise.all(sent)).toEqual(['1', '2', '3'].map(ack));
    expect(attempts).toEqual(['1', '2', '3']);
    expect(box.pending()).toEqual([]);
  });

  it.each(['TIMEOUT', 'CONNECTION_LOST'])('%s: sends again on the next connection, what follows in the chat after it', async (code) => {
    const { box, attempts } = outbox((id, attempt) => (id === '1' && attempt === 1 ? code : null));
    box.resume();
    const sent = [box.add(message('1')), box.add(message('2'))];
    while (attempts.length === 0) await Promise.resolve();
    box.pause();
    box.resume();
    await Promise.all(sent);
    expect(attempts).toEqual(['1', '1', '2']);
  });

  it.each(['RATE_LIMIT', 'UNAVAILABLE', 'SOCKET_ERROR'])('%s: sends again on the same connection', async (code) => {
    const { box, attempts } = outbox((_, attempt) => (attempt <= 2 ? code : null));
    box.resume();
    await Promise.all([box.add(message('1')), box.add(message('2'))]);
    expect(attempts).toEqual(['1', '1', '1', '2']);
  });

  it('gives up what the server cannot take however often, and goes on with the next', async () => {
    const { box, attempts, changes } = outbox((id) => (id === '1' ? 'SOCKET_ERROR' : null));
    box.resume();
    const first = box.add(message('1'));
    const second = box.add(message('2'));
    await expect(first).rejects.toMatchObject({ code: 'SOCKET_ERROR' });
    await second;
    expect(attempts.filter((id) => id === '1')).toHaveLength(6);
    expect(changes).toEqual(['queued 1', 'queued 2', 'failed 1', 'sent 2']);
  });

  it.each(['INVALID_DATA', 'FORBIDDEN', 'CHAT_NOT_FOUND', 'MESSAGE_TOO_LARGE', 'CONFLICT'])('%s: is final', async (code) => {
    const { box, attempts } = outbox((id) => (id === '1' ? code : null));
    box.resume();
    const first = box.add(message('1'));
    const second = box.add(message('2'));
    await expect(first).rejects.toMatchObject({ code });
    await second;
    expect(attempts).toEqual(['1', '2']);
  });

  it('does not let one chat hold up another', async () => {
    const { box } = outbox((id) => (id === '1' ? 'TIMEOUT' : null));
    box.resume();
    void box.add(message('1', 'a'));
    await box.add(message('2', 'b'));
    expect(box.pending().map((queued) => queued.client_message_id)).toEqual(['1']);
  });

  it('takes up in a new session what the last one left, ahead of what is new', async () => {
    const storage = memoryStorage();
    const before = outbox(() => 'TIMEOUT', storage);
    const lost = before.box.add(message('1'));
    await before.box.restore();
    before.box.close();
    await expect(lost).rejects.toMatchObject({ code: 'CLOSED' });

    const after = outbox(() => null, storage);
    const added = after.box.add(message('2'));
    await after.box.restore();
    after.box.resume();
    await added;
    expect(after.attempts).toEqual(['1', '2']);
    await after.box.restore();
    expect(after.box.pending()).toEqual([]);
  });

  it('refuses more than it may hold', async () => {
    const { box } = outbox(() => null, memoryStorage(), 1);
    void box.add(message('1'));
    await expect(box.add(message('2'))).rejects.toMatchObject({ code: 'QUEUE_FULL' });
  });
});
