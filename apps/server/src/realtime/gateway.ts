/** How a gateway class says what it handles. Gateways are ordinary providers; the inbound pipeline finds their handlers at start. */
import { Injectable, SetMetadata, applyDecorators } from '@nestjs/common';
import type { AckOf, ClientEvent, PayloadOf } from '@majlis/contract';
import type { Session } from './session.ts';

export const GATEWAY = 'majlis:gateway';
export const HANDLES = 'majlis:handles';

/** What a handler method is: one validated payload in, the acknowledgement out. It may throw a `Failure`; it never answers by itself. */
export type Handler<E extends ClientEvent> = (session: Session, payload: PayloadOf<E>) => AckOf<E> | Promise<AckOf<E>>;

/** Marks a class as a gateway of these namespaces, in one dialect of them. */
export function Gateway(...namespaces: [string, ...string[]]): ClassDecorator {
  return applyDecorators(Injectable(), SetMetadata(GATEWAY, namespaces));
}

/** Marks a method as the handler of an event; the compiler holds it against the event's declaration. */
export function On<E extends ClientEvent>(event: E) {
  return <H extends Handler<E>>(target: object, key: string | symbol, descriptor: TypedPropertyDescriptor<H>): void => {
    SetMetadata(HANDLES, event)(target, key, descriptor);
  };
}
