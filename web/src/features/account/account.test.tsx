// @vitest-environment happy-dom
/** The account's dialog: what was done is said, what could not be loaded is when the connection is back, and who has no password needs none. */
import { act, cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import type { Account, Identity, Porcupine, SignIn, Snapshot } from '@porcupine/sdk';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { startWords } from '../../lib/i18n';
import { connected, refusal, show } from '../../lib/testPorcupine';
import { AccountDialog } from './AccountDialog';

beforeAll(startWords);
afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

const ada: Account = { id: '1', username: 'ada', displayName: 'Ada', device: '1', keys: 'ready' };
const atCorp: Identity = { id: '4', issuer: 'https://corp.example', email: null, since: new Date(0), lastUsed: new Date(0) };
const signIn = (id: number): SignIn => ({
  id: String(id),
  device: `Browser ${id}`,
  address: null,
  since: new Date(0),
  lastUsed: new Date(0),
  current: id === 0,
  connected: false,
});

const dialog = (porcupine: Partial<Porcupine> = {}) =>
  show(<AccountDialog account={ada} onClose={vi.fn()} />, {
    providers: () => Promise.resolve([]),
    identities: () => Promise.resolve([]),
    signIns: () => Promise.resolve([signIn(0)]),
    profile: () => Promise.resolve({ displayName: 'Ada', email: null }),
    ...porcupine,
  });

it('asks whoever has no provider for their password, and says nothing of having none', async () => {
  dialog();
  await screen.findByText('You aren’t signed in anywhere else.');
  await waitFor(() => expect(screen.queryByText(/Leave it empty/)).toBeNull());
  fireEvent.change(screen.getByLabelText('New password'), { target: { value: 'long enough' } });
  fireEvent.click(screen.getByRole('button', { name: 'Change password' }));
  expect(document.activeElement).toBe(screen.getByLabelText('Current password'));
  screen.getByText('Fill this in.');
});

it('lets whoever signs in at a provider leave it empty, here and to delete the account', async () => {
  const changePassword = vi.fn(() => Promise.resolve());
  const eraseAccount = vi.fn(() => Promise.resolve());
  dialog({ identities: () => Promise.resolve([atCorp]), changePassword, eraseAccount });
  await screen.findByTestId('identity');
  fireEvent.change(screen.getByLabelText('New password'), { target: { value: 'long enough' } });
  fireEvent.click(screen.getByRole('button', { name: 'Change password' }));
  await screen.findByText('Your password is changed. Everywhere else you’re signed out.');
  expect(changePassword).toHaveBeenCalledExactlyOnceWith({ oldPassword: null, newPassword: 'long enough' });
  fireEvent.click(screen.getByRole('button', { name: 'Delete account' }));
  fireEvent.click(screen.getByLabelText('I know that this can’t be undone.'));
  fireEvent.click(screen.getByRole('button', { name: 'Delete for good' }));
  await waitFor(() => expect(eraseAccount).toHaveBeenCalledExactlyOnceWith({ password: null }));
});

it('shows the first sign-ins, and the others to whoever wants to see them', async () => {
  dialog({ signIns: () => Promise.resolve(Array.from({ length: 8 }, (_, id) => signIn(id))) });
  fireEvent.click(await screen.findByRole('button', { name: 'Show 3 more' }));
  expect(screen.getAllByTestId('sign-in')).toHaveLength(8);
  expect(document.activeElement).toBe(screen.getByRole('list', { name: 'Where you’re signed in' }));
  expect(screen.queryByRole('button', { name: /^Show \d/ })).toBeNull();
});

it('says which sign-in was ended, and that one could not be', async () => {
  const endSignIn = vi.fn<(id: string) => Promise<void>>().mockRejectedValueOnce(refusal('unreachable')).mockResolvedValueOnce();
  const signIns = vi.fn<() => Promise<SignIn[]>>().mockResolvedValue([signIn(0), signIn(1)]);
  dialog({ signIns, endSignIn });
  const button = await screen.findByRole('button', { name: 'Sign out Browser 1' });
  button.focus();
  fireEvent.click(button);
  await screen.findByText(/^That didn’t work\./);
  expect(document.activeElement).toBe(button);
  signIns.mockResolvedValue([signIn(0)]);
  fireEvent.click(button);
  await screen.findByText('Browser 1 is signed out.');
  expect(screen.queryByText(/^That didn’t work\./)).toBeNull();
  await waitFor(() => expect(screen.getAllByTestId('sign-in')).toHaveLength(1));
});

it('loads what it could not as soon as the connection is back', async () => {
  let snapshot: Snapshot = { ...connected, connection: { state: 'offline', retryAt: 0 } };
  const listeners = new Set<() => void>();
  const profile = vi.fn<Porcupine['profile']>().mockRejectedValueOnce(refusal('unreachable')).mockResolvedValue({ displayName: 'Ada', email: null });
  dialog({
    profile,
    snapshot: () => snapshot,
    subscribe: (changed) => {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
  });
  await screen.findByText(/^This couldn’t be loaded\./);
  snapshot = connected;
  act(() => listeners.forEach((changed) => changed()));
  await waitFor(() => expect(screen.getByLabelText<HTMLInputElement>('Name shown to others').value).toBe('Ada'));
  expect(screen.queryByText(/^This couldn’t be loaded\./)).toBeNull();
});

it('saves what the server has as a file, or says that it is too much', async () => {
  const exportAccount = vi.fn<Porcupine['exportAccount']>().mockRejectedValueOnce(refusal('too_large')).mockResolvedValue({ rooms: [{ id: '7' }] });
  const made: Blob[] = [];
  vi.spyOn(URL, 'createObjectURL').mockImplementation((blob) => {
    made.push(blob as Blob);
    return 'blob:made';
  });
  const names: string[] = [];
  vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
    names.push(this.download);
  });
  dialog({ exportAccount });
  const button = screen.getByRole('button', { name: 'Download your data' });
  fireEvent.click(button);
  await screen.findByText(/^That is more than fits/);
  fireEvent.click(button);
  await screen.findByText(/^Saved as porcupine-ada-\d{4}-\d\d-\d\d\.json\.$/);
  expect(names).toHaveLength(1);
  expect(JSON.parse((await made[0]?.text()) ?? '')).toEqual({ rooms: [{ id: '7' }] });
});
