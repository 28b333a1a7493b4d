/** How an event or a route is declared. Types, validation, OpenAPI, AsyncAPI and the docs all follow from these declarations. */
import type { z } from 'zod';
import type { ErrorCode } from './errors.ts';

/** Which of a user's rate limits an inbound event or a request is counted against: contract §3. */
export type Budget = 'write' | 'light' | 'ping';

/** An event that a client may send. */
export interface ClientEvent<Payload extends z.ZodType = z.ZodType, Ack extends z.ZodType = z.ZodType> {
  name: string;
  summary: string;
  budget: Budget;
  payload: Payload;
  ack: Ack;
  /** Over its budget this event is dropped without a word (typing), and acknowledged with this as if it had not been. */
  dropsSilently?: z.output<Ack>;
}

/** An event that the server sends. */
export interface ServerEvent<Payload extends z.ZodType = z.ZodType> {
  name: string;
  summary: string;
  payload: Payload;
  /** In a raw WebSocket: a change of a stream, with `version` beside `event`. Elsewhere the version is a key of the payload. */
  versioned?: true;
}

/** A Socket.IO namespace of one of the documents, or the path of a raw WebSocket. */
export interface Namespace {
  name: string;
  /** Of a namespace that several documents share: whose words these are, where they are not the namespace's own. */
  dialect?: string;
  /** A raw WebSocket: frames of JSON, `{event, data}`, and no acknowledgements. Absent: Socket.IO. */
  protocol?: 'websocket';
  description: string;
  receives: Record<string, ClientEvent>;
  sends: Record<string, ServerEvent>;
}

/** Who may call a route at all; the finer rules are the services'. `key` is the customer's backend with an API key. */
export type Access = 'public' | 'user' | 'user-or-key' | 'key-or-admin';

/** A REST route. Path parameters are written `:name`. */
export interface Route<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Answer extends z.ZodType = z.ZodType,
> {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  summary: string;
  tag: string;
  access: Access;
  budget: Budget;
  params?: Params;
  query?: Query;
  body?: Body;
  /** The media type of the body; JSON where absent. */
  bodyType?: 'multipart/form-data';
  headers?: z.ZodObject;
  /** Absent: 204 without a body. */
  answer?: Answer;
  /** The media type of the answer; JSON where absent. */
  answerType?: string;
  /** The status of success; a POST that makes something answers 201 the first time and 200 for a repeat. */
  status: 200 | 201 | 204;
  errors: readonly ErrorCode[];
}

/** Declares an inbound event; only gives the literal its type. */
export function clientEvent<const P extends z.ZodType, const A extends z.ZodType>(event: ClientEvent<P, A>): ClientEvent<P, A> {
  return event;
}

/** Declares an outbound event; only gives the literal its type. */
export function serverEvent<const P extends z.ZodType>(event: ServerEvent<P>): ServerEvent<P> {
  return event;
}

/** Declares a route; only gives the literal its type. */
export function route<const R extends Route>(declaration: R): R {
  return declaration;
}

/** The validated payload of an inbound event. */
export type PayloadOf<E extends { payload: z.ZodType }> = z.output<E['payload']>;
/** The acknowledgement of an inbound event. */
export type AckOf<E extends ClientEvent> = z.output<E['ack']>;
/** What a controller gets of a request: its validated parameters, query, body and headers. */
export interface InputOf<R extends Route> {
  params: R['params'] extends z.ZodType ? z.output<R['params']> : undefined;
  query: R['query'] extends z.ZodType ? z.output<R['query']> : undefined;
  body: R['body'] extends z.ZodType ? z.output<R['body']> : undefined;
  headers: R['headers'] extends z.ZodType ? z.output<R['headers']> : undefined;
}
/** What a route answers. */
export type AnswerOf<R extends Route> = R['answer'] extends z.ZodType ? z.output<R['answer']> : void;
