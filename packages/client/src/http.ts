import type { AnswerOf, InputOf, Route } from '@majlis/contract';
import { MajlisError, errorFromWire } from './errors.ts';

/** What a route takes, by its declaration in the contract; what has a default there may be left out. */
type SentTo<R extends Route> = (InputOf<R>['params'] extends undefined ? { params?: undefined } : { params: InputOf<R>['params'] }) &
  (InputOf<R>['query'] extends undefined ? { query?: undefined } : { query?: Partial<InputOf<R>['query']> }) &
  (InputOf<R>['body'] extends undefined ? { body?: undefined } : { body: InputOf<R>['body'] }) & { signal?: AbortSignal | undefined };

/** Calls a route of the contract: `call<typeof v2.chatRoutes.get>('GET', '/api/v2/chats/:id', { params: { id } })`. */
export type Call = <R extends Route>(method: R['method'], path: R['path'], input: SentTo<R>) => Promise<AnswerOf<R>>;

interface HttpOptions {
  url: string;
  fetch: typeof globalThis.fetch;
  restTimeoutMs: number;
  /** The token to send, or null for none; called again with the one that was refused. */
  token: (refused: string | null) => Promise<string | null>;
}

interface Answer {
  status: number;
  ok: boolean;
  /** The body; undefined where it is not JSON. */
  value: unknown;
}

/** Makes the function that calls routes. It rejects with `MajlisError` and with nothing else. */
export function createCall({ url, fetch, restTimeoutMs, token }: HttpOptions): Call {
  return async (method, path, { params, query, body, signal }) => {
    const target = url.replace(/\/$/, '') + fillPath(path, params ?? {}) + queryString(query ?? {});
    const attempt = async (bearer: string | null): Promise<Answer> => {
      const cut = new AbortController();
      const abort = () => cut.abort();
      const timer = setTimeout(abort, restTimeoutMs);
      signal?.addEventListener('abort', abort);
      try {
        const answer = await fetch(target, {
          method,
          signal: cut.signal,
          headers: {
            ...(bearer !== null && { authorization: `Bearer ${bearer}` }),
            ...(body !== undefined && { 'content-type': 'application/json' }),
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        });
        return { status: answer.status, ok: answer.ok, value: parseJson(await answer.text()) };
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      }
    };
    try {
      const bearer = await token(null);
      let answer = await attempt(bearer);
      if (answer.status === 401 && bearer !== null) {
        const renewed = await token(bearer);
        if (renewed !== null && renewed !== bearer) answer = await attempt(renewed);
      }
      return valueOf(answer) as never;
    } catch (cause) {
      if (cause instanceof MajlisError) throw cause;
      throw new MajlisError('NETWORK', cause instanceof Error ? cause.message : 'The server could not be reached');
    }
  };
}

function fillPath(path: string, params: Readonly<Record<string, unknown>>): string {
  return path.replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(params[name])));
}

/** By hand: the URL class of React Native cannot. */
function queryString(query: object): string {
  const given = Object.entries(query as Record<string, string | number | boolean | null | undefined>).filter(
    ([, value]) => value !== undefined && value !== null,
  );
  const pairs = given.map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`);
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function valueOf({ status, ok, value }: Answer): unknown {
  if (!ok) throw errorFromWire(value ?? { message: `HTTP ${status}` });
  // Of the server's own answers only 204 has no JSON: this one is of somebody on the way, a captive portal for example.
  if (value === undefined && status !== 204) throw new MajlisError('NETWORK', `HTTP ${status} without JSON`);
  return value;
}
