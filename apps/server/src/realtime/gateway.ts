/** How a gateway class says what it handles. Gateways are ordinary providers; the inbound pipeline finds their handlers at start. */
import { Injectable, SetMetadata, applyDecorators } from '@nestjs/common';
import type { AckOf, ClientEvent, PayloadOf } from '@majlis/contract';
import type { Session } from './session.ts';

export const GATEWAY = 'majlis:gateway';
export const HANDLES = 'majlis:handles';

/** What a handler method is: one validated payload in, the acknowledgement out. It may throw a `Failure`; it never answers by itself. */
export type Handler<E extends ClientEvent> = (session: Session, payload: PayloadOf<E>) => AckOf<E> | Promise<AckOf<E>>;

/** Where a gateway's events are served: in a namespace, or there in a dialect that its sockets turn to. */
export type Place = string | { namespace: string; dialect: string };

/** Depth's events on `/`: a socket that sends one of them speaks Depth from then on. */
export const DEPTH_ON_ROOT: Place = { namespace: '/', dialect: 'depth' };

/** Marks a class as a gateway of these places. */
export function Gateway(...places: [Place, ...Place[]]): ClassDecorator {
  return applyDecorators(Injectable(), SetMetadata(GATEWAY, places));
}

/** Marks a method as the handler of an event, or of several names of the same; the compiler holds it against their declarations. */
export function On<E extends ClientEvent>(...events: [E, ...E[]]) {
  return <H extends Handler<E>>(target: object, key: string | symbol, descriptor: TypedPropertyDescriptor<H>): void => {
    SetMetadata(HANDLES, events)(target, key, descriptor);
  };
}
