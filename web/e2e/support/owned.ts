/** What a test file starts it also ends, in reverse order, however far its start came. */
import { afterAll } from 'vitest';

type End = () => Promise<void>;

/** Gives a function that notes how to end something, and hands the thing through. */
export function owning(): <T>(thing: T, end: (thing: T) => Promise<void>) => T {
  const ends: End[] = [];
  afterAll(async () => {
    for (const end of ends.reverse()) await end();
  });
  return (thing, end) => {
    ends.push(() => end(thing));
    return thing;
  };
}
