/** Whatever a call ends with is said in words for people, also when it is no word of the server's. */
import i18next from 'i18next';
import { beforeAll, expect, it } from 'vitest';
import { startWords } from './i18n';
import { waitOf, wordsFor } from './problems';

beforeAll(startWords);

const error = (code: string, retryAfter: number | null = null) => ({ problem: { code, title: 'what the server calls it', hint: 'do this', retryAfter } });

it.each([
  ['malformed_answer', 'Something else answered in place of the server.'],
  ['internal', 'The server made a mistake.'],
  ['busy', 'The server can’t do that right now.'],
  ['too_large', 'That is too long.'],
  ['rate_limited', 'Too many tries. Wait a moment, and try again.'],
  ['one that is not known here', 'What the server calls it. Do this.'],
])('%s', (code, words) => {
  expect(wordsFor(error(code), i18next.t)).toContain(words);
});

it('is said for a defect, too', () => {
  expect(wordsFor(new TypeError('x is undefined'), i18next.t)).toBe('Something went wrong. Check your connection and try again.');
});

it('waits only where the server says for how long', () => {
  expect([waitOf(error('rate_limited', 1.2)), waitOf(error('rate_limited', 0)), waitOf(error('rate_limited')), waitOf(error('busy', 3))]).toEqual([2, 1, null, null]);
});
