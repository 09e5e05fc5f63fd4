/** Why a session is over, in the words of `model.ts`, from what the server or this browser says. Pure. */
import { PorcupineError } from '../client/problem.ts';
import type { Ended } from '../model.ts';

/** By the `reason` of a refused refresh (API.md, "Accounts"). */
const reasons = new Map<unknown, Ended>([
  ['logout', 'signed-out'],
  ['ended by the user', 'revoked'],
  ['logout everywhere', 'revoked'],
  ['password changed', 'password-changed'],
  ['password set by an administrator', 'administrator'],
  ['ended by an administrator', 'administrator'],
  ['disabled', 'disabled'],
  ['device revoked', 'device-revoked'],
  ['refresh token used again', 'reused'],
  ['expired', 'expired'],
  ['replaced', 'replaced'],
]);

export function whyEnded(error: unknown): Ended {
  if (!(error instanceof PorcupineError)) {
    return 'unknown';
  }
  // There is no refresh token any more.
  return error.code === 'unauthenticated' ? 'signed-out' : (reasons.get(error.fields['reason']) ?? 'unknown');
}
