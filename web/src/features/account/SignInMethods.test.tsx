// @vitest-environment happy-dom
/** What is linked, what can be, and why the last way in stays. */
import { cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import type { Identity, Porcupine } from '@porcupine/sdk';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { startWords } from '../../lib/i18n';
import { refusal, show as showWith } from '../../lib/testPorcupine';
import { useLoaded } from '../../lib/useLoaded';
import { SignInMethods } from './SignInMethods';

const corp = { name: 'corp', label: 'Corp', issuer: 'https://id.corp.example' };
const club = { name: 'club', label: 'Club', issuer: 'https://club.example' };
const atCorp: Identity = { id: '4', issuer: corp.issuer, email: 'ada@example.org', since: new Date(0), lastUsed: new Date(0) };

beforeAll(startWords);
afterEach(cleanup);

const load = (porcupine: Porcupine) => porcupine.identities();
const Loaded = () => <SignInMethods loaded={useLoaded(load)} />;
const show = (porcupine: Partial<Porcupine>) => showWith(<Loaded />, porcupine);

it('lists what is linked by the names for people, and offers the others', async () => {
  show({ providers: () => Promise.resolve([corp, club]), identities: () => Promise.resolve([atCorp]) });
  expect((await screen.findByTestId('identity')).textContent).toMatch(/^Corp.*ada@example.org/);
  await screen.findByRole('button', { name: 'Link Club' });
  expect(screen.queryByRole('button', { name: 'Link Corp' })).toBeNull();
});

it('is nothing where there are no providers and nothing is linked', async () => {
  const identities = vi.fn(() => Promise.resolve([]));
  const { container } = show({ providers: () => Promise.resolve([]), identities });
  await waitFor(() => expect(identities).toHaveBeenCalled());
  expect(container.innerHTML).toBe('');
});

it('shows what is linked although its provider is gone, and unlinks it', async () => {
  const identities = vi.fn<() => Promise<Identity[]>>().mockResolvedValueOnce([atCorp]).mockResolvedValue([]);
  const unlink = vi.fn(() => Promise.resolve());
  show({ providers: () => Promise.resolve([]), identities, unlink });
  fireEvent.click(await screen.findByRole('button', { name: `Unlink ${corp.issuer}` }));
  await waitFor(() => expect(screen.queryByTestId('identity')).toBeNull());
  expect(screen.getByRole('status').textContent).toBe(`${corp.issuer} doesn’t sign you in to this account any more.`);
  expect(unlink).toHaveBeenCalledExactlyOnceWith('4');
});

it('says why the last way to sign in stays', async () => {
  show({ providers: () => Promise.resolve([corp]), identities: () => Promise.resolve([atCorp]), unlink: () => Promise.reject(refusal('conflict')) });
  fireEvent.click(await screen.findByRole('button', { name: 'Unlink Corp' }));
  expect((await screen.findByRole('alert')).textContent).toContain('Set a password first');
  expect(screen.getAllByTestId('identity')).toHaveLength(1);
});
