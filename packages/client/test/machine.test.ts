import { describe, expect, it } from 'vitest';
import { closePolicies, connectErrorReason, disconnectReason } from '../src/close-policy.ts';
import { connectionState, initialMachine, step, type Input, type Machine } from '../src/machine.ts';

function run(...inputs: Input[]): { machine: Machine; words: string[]; effect: string } {
  let machine = initialMachine;
  let effect = 'none';
  const words = [connectionState(machine)];
  for (const input of inputs) {
    [machine, effect] = step(machine, input);
    words.push(connectionState(machine));
  }
  return { machine, words, effect };
}
const up: Input[] = [{ type: 'connect' }, { type: 'token' }, { type: 'welcome' }];

describe('connection: five words', () => {
  it('goes idle, connecting, connected, reconnecting, connected, closed', () => {
    const { words } = run(
      ...up,
      { type: 'lost', reason: 'transport close' },
      { type: 'retry' },
      { type: 'token' },
      { type: 'welcome' },
      { type: 'close' },
    );
    expect(words).toEqual([
      'idle',
      'connecting',
      'connecting',
      'connected',
      'reconnecting',
      'reconnecting',
      'reconnecting',
      'connected',
      'closed',
    ]);
  });

  it('says connecting, and not reconnecting, until it has been connected once', () => {
    const { words } = run({ type: 'connect' }, { type: 'token' }, { type: 'lost', reason: 'connect error' }, { type: 'retry' });
    expect(words.at(-1)).toBe('connecting');
  });

  it('counts failures for the backoff, and starts again once connected', () => {
    const failing = run(
      { type: 'connect' },
      { type: 'token' },
      { type: 'lost', reason: 'connect error' },
      { type: 'retry' },
      { type: 'token' },
      { type: 'lost', reason: 'open timeout' },
    );
    expect(failing.machine).toMatchObject({ phase: 'waiting', attempt: 2 });
    expect(run(...up, { type: 'lost', reason: 'ping timeout' }).machine.attempt).toBe(1);
  });

  it('ignores what belongs to another phase', () => {
    expect(run({ type: 'welcome' }).words.at(-1)).toBe('idle');
    expect(run(...up, { type: 'connect' }).words.at(-1)).toBe('connected');
    expect(run(...up, { type: 'close' }, { type: 'lost', reason: 'transport close' }).words.at(-1)).toBe('closed');
  });
});

describe('close reason → policy', () => {
  it.each(Object.entries(closePolicies).filter(([, policy]) => policy === 'reconnect'))('%s → comes back after a wait', (reason) => {
    expect(run(...up, { type: 'lost', reason: reason as keyof typeof closePolicies })).toMatchObject({
      effect: 'wait',
      machine: { phase: 'waiting' },
    });
  });

  it.each(Object.entries(closePolicies).filter(([, policy]) => policy === 'stop'))('%s → stays closed', (reason) => {
    expect(run(...up, { type: 'lost', reason: reason as keyof typeof closePolicies })).toMatchObject({
      effect: 'tear down',
      machine: { phase: 'closed', reason },
    });
  });

  it('token refused → a new token at once, then after a wait, then closed', () => {
    const refused: Input[] = [{ type: 'token' }, { type: 'lost', reason: 'token refused' }];
    expect(run({ type: 'connect' }, ...refused)).toMatchObject({ effect: 'fetch token', machine: { phase: 'token' } });
    expect(run({ type: 'connect' }, ...refused, ...refused)).toMatchObject({ effect: 'wait', machine: { phase: 'waiting' } });
    expect(run({ type: 'connect' }, ...refused, ...refused, { type: 'retry' }, ...refused)).toMatchObject({
      machine: { phase: 'closed', reason: 'token refused' },
    });
  });

  it('tells a refused token from a removal, and an answer from a cut cable', () => {
    expect(disconnectReason('io server disconnect', { code: 'UNAUTHORIZED', message: 'Invalid token' })).toBe('token refused');
    expect(disconnectReason('io server disconnect', undefined)).toBe('io server disconnect');
    expect(disconnectReason('transport close', { code: 'UNAUTHORIZED' })).toBe('transport close');
    expect(disconnectReason('something new', undefined)).toBe('transport close');
    expect(connectErrorReason(undefined)).toBe('connect error');
    expect(connectErrorReason({ code: 'FORBIDDEN' })).toBe('access refused');
    expect(connectErrorReason({ code: 'UNAUTHORIZED' })).toBe('token refused');
  });
});
