import { describe, expect, it } from 'vitest';
import { readTicket } from './readTicket';

describe('readTicket', () => {
  it('takes a code as people write it', () => {
    for (const typed of ['K7M2QX', ' k7m2qx ', 'K7M-2QX', 'k7m 2qx']) {
      expect(readTicket(typed)).toEqual({ by: 'code', code: 'K7M2QX' });
    }
  });

  it('takes a link with its secret', () => {
    const link = 'https://chat.example/join#Zm9v_-8';
    expect(readTicket(` ${link}\n`)).toEqual({ by: 'link', link });
  });

  it('refuses what is neither', () => {
    for (const typed of ['', 'K7M2Q', 'K7M2QXY', 'https://chat.example/join', 'https://chat.example/join#', 'K7M2Q!']) {
      expect(readTicket(typed)).toBeNull();
    }
  });
});
