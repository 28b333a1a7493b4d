/** A time of each day in which nothing is pushed. */
export interface QuietHours {
  /** `HH:MM` on the wall clock of the zone. */
  from: string;
  /** No longer quiet. Before `from` where the time goes over midnight. */
  to: string;
  /** IANA. */
  timeZone: string;
}

// Making one takes longer than using it a hundred times; there are some six hundred zones.
const clocks = new Map<string, Intl.DateTimeFormat>();

function clockOf(timeZone: string): Intl.DateTimeFormat {
  let clock = clocks.get(timeZone);
  if (!clock) {
    clock = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
    clocks.set(timeZone, clock);
  }
  return clock;
}

/** Whether it is quiet at a time (ms). What counts is the clock on the wall, so summer time moves it along. */
export function isQuiet({ from, to, timeZone }: QuietHours, at: number): boolean {
  const now = clockOf(timeZone).format(at);
  return from < to ? from <= now && now < to : from <= now || now < to;
}
