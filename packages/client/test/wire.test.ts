import { v2 } from '@majlis/contract';
import { expect, it } from 'vitest';
import { clientEventKeys, serverEventKeys, streamOf } from '../src/wire.ts';

it('calls every event what the contract calls it', () => {
  for (const [name, key] of Object.entries(serverEventKeys)) expect(v2.serverEvents[key].name).toBe(name);
  for (const [name, key] of Object.entries(clientEventKeys)) expect(v2.clientEvents[key].name).toBe(name);
});

it('knows which stream carries an event, and which events no stream carries', () => {
  expect(streamOf('chat:message:new', { chat_id: 'a', version: 1 })).toBe('chat:a');
  expect(streamOf('chat:changed', { id: 'a', version: 1 })).toBe('chat:a');
  expect(streamOf('chat:created', { id: 'a', version: 1 })).toBe('user');
  expect(streamOf('notification:read', { id: 'a' })).toBeUndefined();
  expect(streamOf('chat:typing', { chat_id: 'a' })).toBeUndefined();
});
