import { describe, expect, test } from 'vitest';
import { numberParts, orderNumber } from '../../src/features/orders/order-number.ts';

describe('order numbers that people can read out: `KH-2026-000123`', () => {
  test.each([
    [{ year: 2026, index: 123 }, 'KH-2026-000123'],
    [{ year: 2026, index: 999_999 }, 'KH-2026-999999'],
    [{ year: 2026, index: 1_000_000 }, 'KH-2026-1000000'],
    [{ year: 999, index: 1 }, 'KH-0999-000001'],
  ])('%j is %s', (parts, number) => {
    expect(orderNumber(parts)).toBe(number);
    expect(numberParts(number)).toEqual(parts);
  });

  test.each([
    'KH-2026-000000',
    'KH-2026-0000123',
    'KH-2026-123',
    'KH-26-000123',
    'kh-2026-000123',
    'TEST-001',
    'KH-2026-1234567890',
    ' KH-2026-000123',
    '',
  ])('is of another form: %j', (number) => expect(numberParts(number)).toBeUndefined());
});
