import type { TFunction } from 'i18next';
import { describe, expect, it } from 'vitest';
import { checkEntry, refusedField } from './validate';

const t = ((key: string) => key) as unknown as TFunction;
const entry = { username: 'ada.l', displayName: '', password: 'long enough' };

describe('checkEntry', () => {
  it('accepts what the server accepts', () => {
    expect(checkEntry('register', entry, t)).toEqual({});
    expect(checkEntry('register', { ...entry, username: 'a_B-9', password: '12345678' }, t)).toEqual({});
  });

  it('names the field and the rule that it breaks', () => {
    expect(checkEntry('register', { ...entry, username: 'ad' }, t)).toEqual({ username: 'auth.usernameLength' });
    expect(checkEntry('register', { ...entry, username: 'a'.repeat(33) }, t)).toEqual({ username: 'auth.usernameLength' });
    expect(checkEntry('register', { ...entry, username: 'a da' }, t)).toEqual({ username: 'auth.usernameCharacters' });
    expect(checkEntry('register', { ...entry, password: '1234567' }, t)).toEqual({ password: 'auth.passwordLength' });
    expect(checkEntry('register', { ...entry, password: 'x'.repeat(257) }, t)).toEqual({ password: 'auth.passwordTooLong' });
    expect(checkEntry('register', { ...entry, displayName: 'n'.repeat(65) }, t)).toEqual({ displayName: 'auth.displayNameLength' });
  });

  it('asks only for something when signing in, where an email address will do', () => {
    expect(checkEntry('signIn', { ...entry, username: 'ada@example.org', password: 'x' }, t)).toEqual({});
    expect(checkEntry('signIn', { ...entry, username: '', password: '' }, t)).toEqual({
      username: 'auth.required',
      password: 'auth.required',
    });
  });
});

describe('refusedField', () => {
  const conflict = { problem: { code: 'conflict', title: 'taken', hint: null, retryAfter: null } };

  it('puts a taken name beside the name', () => {
    expect(refusedField('register', conflict, t)).toEqual({ username: 'auth.usernameTaken' });
  });

  it('leaves the rest to the form', () => {
    expect(refusedField('signIn', conflict, t)).toEqual({});
    expect(refusedField('register', new Error('offline'), t)).toEqual({});
  });
});
