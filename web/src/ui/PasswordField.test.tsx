// @vitest-environment happy-dom
/** What is typed can be seen, until the form is sent; Caps Lock is told; what is wrong stands in the hint's place. */
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { startWords } from '../lib/i18n';
import { PasswordField } from './PasswordField';

beforeAll(startWords);
afterEach(cleanup);

const form = (error?: string) => (
  <form aria-label="form" onSubmit={(event) => event.preventDefault()}>
    <PasswordField label="Password" autoComplete="new-password" hint="At least 8 characters." error={error} defaultValue="typed" />
  </form>
);

it('shows what is typed when it is asked to, and hides it when the form is sent', () => {
  render(form());
  const field = screen.getByLabelText<HTMLInputElement>('Password');
  const button = screen.getByRole('button', { name: 'Show what is typed' });
  expect([field.type, button.getAttribute('aria-pressed')]).toEqual(['password', 'false']);
  fireEvent.click(button);
  expect([field.type, field.value, field.autocomplete, button.getAttribute('aria-pressed')]).toEqual(['text', 'typed', 'new-password', 'true']);
  fireEvent.submit(screen.getByRole('form'));
  expect(field.type).toBe('password');
});

it('says that Caps Lock is on, while it is and the field has the keyboard', () => {
  render(form());
  const field = screen.getByLabelText('Password');
  const said = () => screen.getByRole('status').textContent;
  const press = (on: boolean) => {
    const event = new KeyboardEvent('keydown', { key: 'A', bubbles: true });
    Object.defineProperty(event, 'getModifierState', { value: (key: string) => on && key === 'CapsLock' });
    fireEvent(field, event);
  };
  press(true);
  expect(said()).toBe('Caps Lock is on.');
  press(false);
  expect(said()).toBe('');
  press(true);
  fireEvent.blur(field);
  expect(said()).toBe('');
});

it('is described by its hint, and by what is wrong instead', () => {
  const { rerender } = render(form());
  const field = screen.getByLabelText('Password');
  const description = () => document.getElementById(field.getAttribute('aria-describedby') ?? '')?.textContent;
  expect(description()).toBe('At least 8 characters.');
  rerender(form('Use at least 8 characters.'));
  expect(description()).toBe('Use at least 8 characters.');
  expect(screen.queryByText('At least 8 characters.')).toBeNull();
});
