// @vitest-environment happy-dom
/** The page beside the rooms has one heading in each of its states. */
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { startWords } from '../lib/i18n';
import { garden } from '../lib/testRoom';
import { Home } from './Home';

beforeAll(startWords);
afterEach(cleanup);

it.each([
  { state: 'rooms are loading', rooms: null, heading: 'Opening Porcupine…' },
  { state: 'there are none', rooms: [], heading: 'Start your first room' },
  { state: 'none is chosen', rooms: [garden], heading: 'Pick a room to read' },
])('has a heading while $state', ({ rooms, heading }) => {
  render(<Home rooms={rooms} onCreate={vi.fn()} onJoin={vi.fn()} />);
  expect(screen.getAllByRole('heading', { level: 1 }).map((found) => found.textContent)).toEqual([heading]);
});
