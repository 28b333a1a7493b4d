import type { v2 } from '@majlis/contract';
import { isQuiet, type QuietHours } from './quiet-hours.ts';

/** What somebody wants to be told of, and how. */
export interface PreferencesRecord {
  /** By type; the others are pushed. */
  types: Readonly<Record<string, v2.Delivery>>;
  quietHours: QuietHours | null;
}

/** What holds for who has chosen nothing. */
export const NO_PREFERENCES: PreferencesRecord = { types: {}, quietHours: null };

/** How a type is told. */
export function deliveryOf({ types }: PreferencesRecord, type: string): v2.Delivery {
  return (Object.hasOwn(types, type) && types[type]) || 'push';
}

/** Whether a type may be pushed at a time (ms). */
export function mayPush(preferences: PreferencesRecord, type: string, at: number): boolean {
  return deliveryOf(preferences, type) === 'push' && !(preferences.quietHours && isQuiet(preferences.quietHours, at));
}
