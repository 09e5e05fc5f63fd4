// @vitest-environment happy-dom
/** What is read out of the connection: that it is lost, and that it is back; nothing when it was never lost. */
import { cleanup, render, screen } from '@testing-library/react';
import type { Connection } from '@porcupine/sdk';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { startWords } from '../lib/i18n';
import { ConnectionBanner } from './ConnectionBanner';

beforeAll(startWords);
afterEach(cleanup);

it('is said once it is lost, and once it is back', () => {
  const said = () => screen.getByRole('status').textContent;
  const states: [Connection, string][] = [
    [{ state: 'connecting' }, ''],
    [{ state: 'online' }, ''],
    [{ state: 'offline', retryAt: 0 }, 'The server can’t be reached.'],
    [{ state: 'connecting' }, ''],
    [{ state: 'online' }, 'Connected again.'],
  ];
  const { rerender } = render(<ConnectionBanner connection={{ state: 'connecting' }} />);
  for (const [connection, words] of states) {
    rerender(<ConnectionBanner connection={connection} />);
    expect(said()).toBe(words);
  }
});
