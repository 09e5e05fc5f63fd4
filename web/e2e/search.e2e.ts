/** The search that the other tests rely on finds a word in every writing it claims to know. */
import { expect, it } from 'vitest';
import { findWords } from './support/search';

const WORD = 'aardvark-lantern?>~';

it('finds a word however it is written and wherever it stands', () => {
  for (let before = 0; before < 4; before += 1) {
    for (let after = 0; after < 4; after += 1) {
      const plain = Buffer.from('x'.repeat(before) + WORD + 'y'.repeat(after));
      for (const writing of ['utf8', 'hex', 'base64', 'base64url'] as const) {
        const bytes = Buffer.from(`{"body":"${plain.toString(writing)}"}`);
        expect(findWords([WORD], [{ name: `${writing} ${before} ${after}`, bytes }])).not.toEqual([]);
      }
    }
  }
});

it('finds nothing where nothing is', () => {
  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7919) % 251));
  expect(findWords([WORD], [{ name: 'noise', bytes }])).toEqual([]);
});
