import { useSyncExternalStore } from 'react';

const events = ['focus', 'blur', 'visibilitychange'] as const;

function subscribe(listener: () => void): () => void {
  for (const event of events) addEventListener(event, listener, true);
  return () => {
    for (const event of events) removeEventListener(event, listener, true);
  };
}

/** Whether somebody is looking at this page, as far as a browser can tell. */
export function useAttention(): boolean {
  return useSyncExternalStore(subscribe, () => document.visibilityState === 'visible' && document.hasFocus());
}
