/** Calls `act` evenly, `perSecond` times a second, from now on; what is late is made up for at once. @returns what ends it */
export function pace(perSecond: number, act: () => void): () => void {
  const interval = 1000 / perSecond;
  let timer: NodeJS.Timeout;
  let due = performance.now();
  const actWhereDue = (): void => {
    for (; due <= performance.now(); due += interval) act();
    timer = setTimeout(actWhereDue, Math.max(1, due - performance.now()));
  };
  actWhereDue();
  return () => clearTimeout(timer);
}
