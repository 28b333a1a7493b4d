import { describe, expect, it } from 'vitest';
import { LIMITS, khawam } from '../src/index.ts';

const { Amount, ORDER_STEPS, amountOf, minorUnits } = khawam;
const takes = (amount: unknown) => Amount.safeParse(amount).success;

describe('amounts: "≥ 0 with at most two decimals", kept exactly', () => {
  it('every hundredth comes back as the number that it was', () => {
    const most = minorUnits(LIMITS.amount);
    const minors = [0, 1, 99, 100, 101, most, most - 1];
    for (let minor = 0; minor < 200_000; minor++) minors.push(minor);
    for (let i = 1; i <= 200_000; i++) minors.push(Math.floor((most / 200_001) * i));
    for (const minor of minors) {
      const amount = amountOf(minor);
      if (minorUnits(amount) !== minor || !takes(amount) || JSON.parse(JSON.stringify(amount)) !== amount) expect.fail(`${minor}`);
    }
  });

  it('is the number that a client wrote', () => {
    for (const text of ['0.1', '0.29', '1.1', '4.35', '1.15', '100', '1e2', '99.99', '19.90', '70368744177.66']) {
      const written = Number(text);
      expect(takes(written)).toBe(true);
      expect(amountOf(minorUnits(written))).toBe(written);
    }
  });

  it.each([-0.01, -1, 0.001, 1.005, 0.1 + 0.2, 1e-9, 99.999, LIMITS.amount + 0.01, 1e15, Infinity, NaN, '1', null, true])(
    'refuses %s',
    (amount) => {
      expect(takes(amount)).toBe(false);
    },
  );
});

describe('the status machine', () => {
  it('`new` → `accepted` → `preparing` → `ready` → `delivered`, `cancelled` from any but `delivered`', () => {
    expect(ORDER_STEPS).toEqual({
      new: ['accepted', 'cancelled'],
      accepted: ['preparing', 'cancelled'],
      preparing: ['ready', 'cancelled'],
      ready: ['delivered', 'cancelled'],
      delivered: [],
      cancelled: [],
    });
  });
});
