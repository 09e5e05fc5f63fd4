/**
 * Checks a form before it is sent, by the same rules as the server (API.md, "Accounts"), and
 * places the server's refusals beside the field that they speak of.
 */
import type { TFunction } from 'i18next';
import { problemOf } from '../../lib/problems';

export type Mode = 'signIn' | 'register';

export interface Entry {
  username: string;
  displayName: string;
  password: string;
}

export type FieldErrors = Partial<Record<keyof Entry, string>>;

export function checkEntry(mode: Mode, entry: Entry, t: TFunction): FieldErrors {
  const errors: FieldErrors = {};
  if (entry.username === '') errors.username = t('auth.required');
  if (entry.password === '') errors.password = t('auth.required');
  if (mode === 'signIn') return errors;

  if (entry.username !== '') {
    if (!/^[A-Za-z0-9._-]*$/.test(entry.username)) errors.username = t('auth.usernameCharacters');
    else if (entry.username.length < 3 || entry.username.length > 32) errors.username = t('auth.usernameLength');
  }
  if (entry.password !== '') {
    const length = Array.from(entry.password).length;
    if (length < 8) errors.password = t('auth.passwordLength');
    else if (length > 256) errors.password = t('auth.passwordTooLong');
  }
  if (Array.from(entry.displayName).length > 64) errors.displayName = t('auth.displayNameLength');
  return errors;
}

/** The field that a refusal speaks of, with its words; an empty object when it speaks of the whole form. */
export function refusedField(mode: Mode, error: unknown, t: TFunction): FieldErrors {
  const problem = problemOf(error);
  if (problem === null || mode === 'signIn') return {};
  if (problem.code === 'conflict') return { username: t('auth.usernameTaken') };
  return {};
}
