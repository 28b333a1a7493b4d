/** Calls back when the platform says that trying to connect makes sense again; the answer ends it. Nothing where it cannot say (Node). */
export function onNetworkBack(callback: () => void): () => void {
  const target: Partial<EventTarget> = globalThis;
  const listening = ['online', 'pageshow', 'focus'];
  for (const event of listening) target.addEventListener?.(event, callback);
  return () => {
    for (const event of listening) target.removeEventListener?.(event, callback);
  };
}
