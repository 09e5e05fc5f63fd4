/** Checks the profile before it is sent, by the same rules as the server (API.md, "Accounts"). */
import type { TFunction } from 'i18next';

export interface ProfileEntry {
  displayName: string;
  email: string;
}

export function checkProfile({ displayName, email }: ProfileEntry, t: TFunction): Partial<ProfileEntry> {
  const errors: Partial<ProfileEntry> = {};
  if (displayName.trim() === '') errors.displayName = t('auth.required');
  else if (Array.from(displayName.trim()).length > 64) errors.displayName = t('auth.displayNameLength');
  if (Array.from(email).length > 254) errors.email = t('account.emailTooLong');
  else if (email !== '' && !/^[^@\s]+@[^@\s]+$/.test(email)) errors.email = t('account.emailInvalid');
  return errors;
}
