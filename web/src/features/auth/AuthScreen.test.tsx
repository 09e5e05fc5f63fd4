// @vitest-environment happy-dom
/** The door: what is typed survives a change of mind; what is wrong brings the keyboard where another entry helps, and nowhere else. */
import { cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import type { Porcupine } from '@porcupine/sdk';
import { startWords } from '../../lib/i18n';
import { refusal, show } from '../../lib/testPorcupine';
import { AuthScreen } from './AuthScreen';

beforeAll(startWords);
afterEach(cleanup);

const providers = () => Promise.resolve([]);
const door = (porcupine: Partial<Porcupine> = {}) =>
  show(<AuthScreen invited={false} ended={null} failure={null} />, { providers, ...porcupine });

const field = (label: string) => screen.getByLabelText<HTMLInputElement>(label);
const type = (label: string, value: string) => fireEvent.change(field(label), { target: { value } });
const submit = () => fireEvent.click(screen.getAllByRole('button').find((button) => button.getAttribute('type') === 'submit') ?? document.body);

it('keeps what is typed when somebody finds that they have no account yet, and names the other form', () => {
  door();
  type('Username or email address', 'ada');
  type('Password', 'a long password');
  fireEvent.click(screen.getByRole('button', { name: 'Create account' }));
  expect([field('Username').value, field('Password').value]).toEqual(['ada', 'a long password']);
  expect([field('Username').autocomplete, field('Password').autocomplete]).toEqual(['username', 'new-password']);
  expect(document.activeElement?.textContent).toBe('Create your account');
});

it('brings the keyboard to a password that is wrong, selected', async () => {
  door({ signIn: () => Promise.reject(refusal('bad_credentials')) });
  type('Username or email address', 'ada');
  type('Password', 'guessed');
  submit();
  await screen.findByText('The username or password is wrong.');
  expect(document.activeElement).toBe(field('Password'));
  expect([field('Password').selectionStart, field('Password').selectionEnd]).toEqual([0, 7]);
});

it('leaves it where it is when no other entry would help', async () => {
  door({ signIn: () => Promise.reject(refusal('busy')) });
  type('Username or email address', 'ada');
  type('Password', 'guessed');
  field('Username or email address').focus();
  submit();
  await screen.findByText('The server can’t do that right now. Try again in a moment.');
  expect(document.activeElement).toBe(field('Username or email address'));
});

it('counts down whatever is typed meanwhile, for that does not make it shorter', async () => {
  const signIn = vi.fn(() => Promise.reject(refusal('rate_limited', 9)));
  door({ signIn });
  type('Username or email address', 'ada');
  type('Password', 'guessed');
  submit();
  await screen.findByTestId('wait');
  type('Password', 'another');
  await waitFor(() => expect(field('Password').value).toBe('another'));
  screen.getByTestId('wait');
});
