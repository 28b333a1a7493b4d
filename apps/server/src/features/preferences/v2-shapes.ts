/** Preferences as the v2 surface shows them. Pure. */
import { v2 } from '@majlis/contract';
import type { PreferencesRecord } from './preferences-record.ts';

const PUSHED = Object.fromEntries(v2.KNOWN_TYPES.map((type) => [type, 'push' as const]));

export function toV2Preferences({ types, quietHours }: PreferencesRecord): v2.NotificationPreferences {
  return {
    types: { ...PUSHED, ...types },
    quiet_hours: quietHours && { from: quietHours.from, to: quietHours.to, time_zone: quietHours.timeZone },
  };
}
