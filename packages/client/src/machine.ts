import { closePolicies, type CloseReason } from './close-policy.ts';

/** The five words that an application sees. */
export type ConnectionState =
  /** Not asked to connect yet. */
  | 'idle'
  /** Asked to connect, and never connected since. */
  | 'connecting'
  /** The server has accepted the token; events flow. */
  | 'connected'
  /** Was connected and is coming back by itself. */
  | 'reconnecting'
  /** Closed by the application, or by the server for a reason that waiting does not mend. */
  | 'closed';

export type Phase = 'idle' | 'token' | 'opening' | 'connected' | 'waiting' | 'closed';

export interface Machine {
  readonly phase: Phase;
  /** Failures since the last time it was connected: the exponent of the backoff. */
  readonly attempt: number;
  /** Tokens refused in a row. */
  readonly refusals: number;
  /** Whether it has been connected since `connect`. */
  readonly established: boolean;
  /** The reason for the latest loss. */
  readonly reason: CloseReason | null;
}

export type Input =
  | { type: 'connect' }
  | { type: 'token' }
  | { type: 'welcome' }
  | { type: 'lost'; reason: CloseReason }
  /** The wait is over, or something (network back, application) says that trying now makes sense. */
  | { type: 'retry' }
  | { type: 'close' };

/** What the driver has to do on entering the new phase. Leaving a phase always cancels what that phase had going. */
export type Effect = 'fetch token' | 'open' | 'wait' | 'tear down' | 'none';

/** A token is refused, the next is refused: more of them are not going to help. */
const MAX_REFUSALS = 3;

export const initialMachine: Machine = { phase: 'idle', attempt: 0, refusals: 0, established: false, reason: null };

/** One step of the connection. Pure; an input that means nothing in the present phase changes nothing. */
export function step(machine: Machine, input: Input): [Machine, Effect] {
  const { phase } = machine;
  switch (input.type) {
    case 'connect':
      return phase === 'idle' || phase === 'closed' ? [{ ...initialMachine, phase: 'token' }, 'fetch token'] : same(machine);
    case 'token':
      return phase === 'token' ? [{ ...machine, phase: 'opening' }, 'open'] : same(machine);
    case 'welcome':
      return phase === 'opening'
        ? [{ phase: 'connected', attempt: 0, refusals: 0, established: true, reason: null }, 'none']
        : same(machine);
    case 'retry':
      return phase === 'waiting' ? [{ ...machine, phase: 'token' }, 'fetch token'] : same(machine);
    case 'lost':
      return phase === 'token' || phase === 'opening' || phase === 'connected' ? lost(machine, input.reason) : same(machine);
    case 'close':
      return phase === 'closed' ? same(machine) : closed(machine, 'io client disconnect');
  }
}

/** The public word for a phase. */
export function connectionState({ phase, established }: Machine): ConnectionState {
  if (phase === 'idle' || phase === 'connected' || phase === 'closed') return phase;
  return established ? 'reconnecting' : 'connecting';
}

function lost(machine: Machine, reason: CloseReason): [Machine, Effect] {
  const policy = closePolicies[reason];
  const refusals = policy === 'renew' ? machine.refusals + 1 : machine.refusals;
  if (policy === 'stop' || refusals >= MAX_REFUSALS) return closed(machine, reason);
  // A first refusal is the ordinary end of a token's life: a new one is tried at once.
  if (policy === 'renew' && refusals === 1) return [{ ...machine, phase: 'token', refusals, reason }, 'fetch token'];
  return [{ ...machine, phase: 'waiting', attempt: machine.attempt + 1, refusals, reason }, 'wait'];
}

function closed(machine: Machine, reason: CloseReason): [Machine, Effect] {
  return [{ ...machine, phase: 'closed', reason }, 'tear down'];
}

function same(machine: Machine): [Machine, Effect] {
  return [machine, 'none'];
}
