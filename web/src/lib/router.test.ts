// @vitest-environment happy-dom
import { describe, expect, it } from 'vitest';
import { parseRoute, roomPath } from './router';

describe('parseRoute', () => {
  it('knows the three addresses, with and without a trailing slash', () => {
    expect(parseRoute('/')).toEqual({ page: 'home' });
    expect(parseRoute('/join')).toEqual({ page: 'join' });
    expect(parseRoute('/join/')).toEqual({ page: 'join' });
    expect(parseRoute('/r/abc/')).toEqual({ page: 'room', id: 'abc' });
  });

  it('gives back the id that a path was made from', () => {
    for (const id of ['abc', 'a/b', 'ü %']) expect(parseRoute(roomPath(id))).toEqual({ page: 'room', id });
  });

  it('leads home from anything else', () => {
    for (const path of ['/r/', '/r/a/b', '/r/%zz', '/rooms', '/joins']) expect(parseRoute(path)).toEqual({ page: 'home' });
  });
});
