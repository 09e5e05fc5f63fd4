// @vitest-environment happy-dom
/** What a room's page offers to somebody who waits, and where the focus goes when the room goes away. */
import { act, cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import type { Account, Porcupine, RoomHandle, RoomSummary, RoomView, Snapshot } from '@porcupine/sdk';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { PorcupineContext } from '../lib/client';
import { startWords } from '../lib/i18n';
import { homePath, roomPath } from '../lib/router';
import { garden } from '../lib/testRoom';
import { RoomPage } from './RoomPage';

const account: Account = { id: 'a', username: 'ada', displayName: 'Ada', device: 'd1', keys: 'ready' };

beforeAll(startWords);
beforeEach(() => history.replaceState(null, '', roomPath('r1')));
afterEach(cleanup);

describe('a room that one waits for', () => {
  it('lets one withdraw, and tells when that fails', async () => {
    const { leave } = show({ ...garden, role: 'pending', code: null }, 'pending');
    fireEvent.click(screen.getByRole('button', { name: 'Withdraw request' }));
    screen.getByRole('heading', { name: 'Stop waiting for Garden?' });

    leave.mockRejectedValueOnce(new Error('offline'));
    fireEvent.click(screen.getByRole('button', { name: 'Withdraw' }));
    await screen.findByRole('alert');
    expect(location.pathname).toBe(roomPath('r1'));

    fireEvent.click(screen.getByRole('button', { name: 'Withdraw' }));
    await waitFor(() => expect(location.pathname).toBe(homePath));
    expect(leave).toHaveBeenLastCalledWith('r1');
  });
});

describe('a room that goes away', () => {
  it('gives the focus that was in it to what takes its place', () => {
    const { remove } = show(garden, 'ready');
    screen.getByRole('textbox', { name: 'Message to Garden' }).focus();
    remove();
    expect(document.activeElement).toBe(screen.getByRole('heading', { name: 'This room isn’t here' }));
  });

  it('leaves the focus alone that is elsewhere', () => {
    const { remove } = show(garden, 'ready');
    const search = screen.getByRole('searchbox');
    search.focus();
    remove();
    expect(document.activeElement).toBe(search);
  });
});

/** The page of one room in a given state, beside a field that is not the room's. */
function show(room: RoomSummary, state: RoomView['state']) {
  const view: RoomView = {
    room,
    members: [],
    timeline: [],
    hasOlder: false,
    loadingOlder: false,
    typing: [],
    state,
    fault: null,
    warnings: [],
  };
  const handle = { view: () => view, subscribe: () => () => undefined, markRead: vi.fn(), close: vi.fn() };
  const leave = vi.fn<Porcupine['leave']>().mockResolvedValue();
  let snapshot: Snapshot = { connection: { state: 'online' }, account, ended: null, rooms: [room] };
  let changed = () => undefined as unknown;
  const porcupine: Partial<Porcupine> = {
    snapshot: () => snapshot,
    subscribe: (onChange) => {
      changed = onChange;
      return () => undefined;
    },
    openRoom: () => handle as unknown as RoomHandle,
    leave,
  };
  render(
    <PorcupineContext value={porcupine as Porcupine}>
      <input type="search" />
      <RoomPage id="r1" account={account} drafts={new Map()} />
    </PorcupineContext>,
  );
  const remove = () =>
    act(() => {
      snapshot = { ...snapshot, rooms: [] };
      changed();
    });
  return { leave, remove };
}
