import { createClient, type ConnectionState, type MajlisClient, type Me } from '@majlis/client';
import { QueryClient, QueryClientProvider, type Query } from '@tanstack/react-query';
import { createContext, use, useEffect, useState, useSyncExternalStore, type PropsWithChildren } from 'react';
import { getToken, storagePrefix } from './session.ts';

interface Line {
  majlis: MajlisClient;
  me: Me;
}

const LineContext = createContext<Line | null>(null);

/** The signed-in user's line to the server. */
export function useMajlis(): Line {
  const line = use(LineContext);
  if (!line) throw new Error('useMajlis outside of MajlisProvider');
  return line;
}

/** Live events keep what was read current, so nothing is read again merely because time went by. */
function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: { queries: { staleTime: Number.POSITIVE_INFINITY, refetchOnWindowFocus: false, refetchOnReconnect: false, retry: 2 } },
  });
}

/** Opens the line of one user and closes it with the component. Key it by the user's id. */
export function MajlisProvider({ me, locale, children }: PropsWithChildren<{ me: Me; locale: string }>) {
  const [queries] = useState(createQueryClient);
  const [majlis] = useState(() =>
    createClient({ url: location.origin, getToken, locale, storage: sessionStorage, storageKey: storagePrefix(me.id) }),
  );
  useEffect(() => {
    // Features have attached their listeners by now: effects of children run first. Failures show as the state.
    majlis.connect().catch(() => undefined);
    return () => majlis.close();
  }, [majlis]);
  // What could not be read while there was no connection is read now.
  useEffect(() => {
    const failed = { type: 'active', predicate: (query: Query) => query.state.status === 'error' } as const;
    return majlis.on('state', ({ state }) => state === 'connected' && void queries.refetchQueries(failed));
  }, [majlis, queries]);
  return (
    <QueryClientProvider client={queries}>
      <LineContext value={{ majlis, me }}>{children}</LineContext>
    </QueryClientProvider>
  );
}

/** The connection in one of five words. */
export function useConnectionState(): ConnectionState {
  const { majlis } = useMajlis();
  return useSyncExternalStore(
    (listener) => majlis.on('state', listener),
    () => majlis.state,
  );
}
