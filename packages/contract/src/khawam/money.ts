/** Amounts of money: numbers with at most two decimals on the wire, integers of minor units (hundredths) wherever they are kept. */
import { z } from 'zod';
import { LIMITS } from '../limits.ts';

/** An amount as an integer of minor units; exact for every amount that `Amount` takes. */
export function minorUnits(amount: number): number {
  return Math.round(amount * 100);
}

/** Minor units as the number that stands in a payload. */
export function amountOf(minor: number): number {
  return minor / 100;
}

/** An amount of money in a payload. What arithmetic with fractions leaves behind (0.1 + 0.2) has more than two decimals and is refused. */
export const Amount = z
  .number()
  .min(0)
  .max(LIMITS.amount)
  .refine((amount) => amountOf(minorUnits(amount)) === amount, { error: 'must have at most two decimals' })
  .meta({ description: 'At most two decimals.' });
