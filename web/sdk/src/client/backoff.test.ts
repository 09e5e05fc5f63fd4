/** Waits that grow from try to try. */
import { expect, test } from 'vitest';
import { Retries, backoffDelay } from './backoff.ts';

test('the delay doubles up to a ceiling, with full jitter', () => {
  const most = [0, 1, 2, 6, 50].map((attempt) => backoffDelay(attempt, () => 1));
  expect(most).toEqual([500, 1000, 2000, 30_000, 30_000]);
  expect(backoffDelay(6, () => 0)).toBe(0);
});

test('tries in a row wait longer and longer, and never less than a second', () => {
  const retries = new Retries();
  const delays = Array.from({ length: 10 }, () => retries.next(null, () => 1));
  expect(delays.slice(0, 3)).toEqual([1500, 2000, 3000]);
  expect(delays.at(-1)).toBe(31_000);
  expect(retries.next(60, () => 0)).toBe(60_000);
  retries.succeeded();
  expect(retries.next(null, () => 1)).toBe(1500);
});
