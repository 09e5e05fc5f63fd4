// @vitest-environment happy-dom
/** Buttons for providers, and what is asked of somebody who came back with an address that an account here has. */
import { act, cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import type { Account, Provider } from '@porcupine/sdk';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startWords } from '../../lib/i18n';
import { refusal, show } from '../../lib/testPorcupine';
import { LinkDialog } from './LinkDialog';
import { ProviderButtons } from './ProviderButtons';

const corp = { name: 'corp', label: 'Corp & Sons', issuer: 'https://id.corp.example' };
const ada: Account = { id: '1', username: 'ada', displayName: 'Ada', device: '1', keys: 'ready' };

beforeAll(startWords);
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

describe('the buttons', () => {
  it('are one for each provider', async () => {
    const second = { ...corp, name: 'second', label: 'Second' };
    show(<ProviderButtons />, { providers: () => Promise.resolve([corp, second]) });
    await screen.findByRole('button', { name: 'Continue with Corp & Sons' });
    expect(screen.getAllByRole('button')).toHaveLength(2);
  });

  it.each([
    ['there are none', () => Promise.resolve([])],
    ['they cannot be had', () => Promise.reject(refusal('busy'))],
  ])('are not there when %s', async (_, providers) => {
    const asked = vi.fn(providers);
    const { container } = show(<ProviderButtons />, { providers: asked });
    await waitFor(() => expect(asked).toHaveBeenCalled());
    await Promise.resolve();
    expect(container.innerHTML).toBe('');
  });

  it('come after all when they could not be had at first', async () => {
    vi.useFakeTimers();
    const providers = vi.fn<() => Promise<Provider[]>>().mockRejectedValueOnce(refusal('unreachable')).mockResolvedValue([corp]);
    show(<ProviderButtons />, { providers });
    await act(() => vi.advanceTimersByTimeAsync(5000));
    vi.useRealTimers();
    screen.getByRole('button', { name: 'Continue with Corp & Sons' });
    expect(providers).toHaveBeenCalledTimes(2);
  });

  it('count down where the server says when to try again', async () => {
    show(<ProviderButtons />, { providers: () => Promise.resolve([corp]), signInAt: () => Promise.reject(refusal('rate_limited', 7)) });
    fireEvent.click(await screen.findByRole('button'));
    expect((await screen.findByTestId('wait')).textContent).toMatch(/Wait [67] seconds/);
  });

  it('say so when the provider does not answer', async () => {
    show(<ProviderButtons />, { providers: () => Promise.resolve([corp]), signInAt: () => Promise.reject(refusal('busy')) });
    fireEvent.click(await screen.findByRole('button'));
    expect((await screen.findByRole('alert')).textContent).toContain('Corp & Sons doesn’t answer');
  });
});

describe('the offer to link', () => {
  const providers = () => Promise.resolve([corp]);
  const linkOffer = () => Promise.resolve({ provider: 'corp', email: 'ada@example.org', bySession: false });

  it('says which address at which provider, and is confirmed by the password', async () => {
    const confirmLink = vi.fn<(password: string) => Promise<void>>().mockRejectedValueOnce(refusal('bad_credentials')).mockResolvedValueOnce();
    const onClose = vi.fn();
    show(<LinkDialog account={null} onClose={onClose} />, { providers, linkOffer, confirmLink });
    await screen.findByText(/Corp & Sons says that you are ada@example.org/);
    const field = screen.getByLabelText('Password of that account');
    fireEvent.click(screen.getByRole('button', { name: 'Link and sign in' }));
    await screen.findByText('Fill this in.');
    expect(confirmLink).not.toHaveBeenCalled();
    for (const password of ['guess', 'right']) {
      fireEvent.change(field, { target: { value: password } });
      fireEvent.click(screen.getByRole('button', { name: 'Link and sign in' }));
      if (password === 'guess') await screen.findByText(/That isn’t its password/);
    }
    await waitFor(() => expect(onClose).toHaveBeenCalledOnce());
    expect(confirmLink.mock.calls).toEqual([['guess'], ['right']]);
  });

  it('is declined for a new account, and decided by neither when it is closed', async () => {
    const declineLink = vi.fn(() => Promise.resolve());
    const onClose = vi.fn();
    show(<LinkDialog account={null} onClose={onClose} />, { providers, linkOffer, declineLink });
    fireEvent.click(await screen.findByRole('button', { name: 'Close' }));
    expect(onClose).toHaveBeenCalledOnce();
    expect(declineLink).not.toHaveBeenCalled();
    fireEvent.click(screen.getByRole('button', { name: 'Use a new account' }));
    await waitFor(() => expect(onClose).toHaveBeenCalledTimes(2));
    expect(declineLink).toHaveBeenCalledOnce();
  });

  it('needs the password, where there is one, in the session that asked for it, too', async () => {
    const acceptLink = vi
      .fn<(input: { password: string | null }) => Promise<void>>()
      .mockRejectedValueOnce(refusal('bad_credentials'))
      .mockRejectedValueOnce(refusal('bad_credentials'))
      .mockResolvedValueOnce();
    show(<LinkDialog account={ada} onClose={vi.fn()} />, {
      providers,
      linkOffer: () => Promise.resolve({ provider: 'corp', email: 'ada@example.org', bySession: true }),
      acceptLink,
    });
    await screen.findByText(/Link that to your account @ada/);
    const field = screen.getByLabelText('Your password');
    fireEvent.click(screen.getByRole('button', { name: 'Link' }));
    await screen.findByText(/you signed in more than ten minutes ago/);
    for (const [password, words] of [['guess', /^This isn’t your password/], ['right', /^Linked. Corp & Sons can sign you in/]] as const) {
      fireEvent.change(field, { target: { value: password } });
      fireEvent.click(screen.getByRole('button', { name: 'Link' }));
      await screen.findByText(words);
    }
    expect(acceptLink.mock.calls).toEqual([[{ password: null }], [{ password: 'guess' }], [{ password: 'right' }]]);
  });

  it.each([
    ['it has expired', null, /longer than ten minutes/],
    ['its session is over', { provider: 'corp', email: 'ada@example.org', bySession: true }, /signed out meanwhile/],
  ])('says so when %s', async (_, offer, words) => {
    show(<LinkDialog account={null} onClose={vi.fn()} />, { providers, linkOffer: () => Promise.resolve(offer) });
    await screen.findByText(words);
  });
});
