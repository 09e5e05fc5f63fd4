/**
 * Turns whatever a call threw into words for the user: the page's own where it has some for
 * the code, else the server's title.
 */
import type { TFunction } from 'i18next';
import type { Problem } from '@porcupine/sdk';

/** The refusal that an error carries, or null when it is no refusal but a defect or a lost connection. */
export function problemOf(error: unknown): Problem | null {
  if (typeof error !== 'object' || error === null || !('problem' in error)) return null;
  const { problem } = error;
  return typeof problem === 'object' && problem !== null && 'code' in problem && 'title' in problem
    ? (problem as Problem)
    : null;
}

/** In how many seconds the server says that it may be tried again, where it was tried too often; else null. */
export function waitOf(error: unknown): number | null {
  const problem = problemOf(error);
  return problem?.code === 'rate_limited' && problem.retryAfter !== null ? Math.max(1, Math.ceil(problem.retryAfter)) : null;
}

export function wordsFor(error: unknown, t: TFunction): string {
  const problem = problemOf(error);
  if (problem === null) return t('problem.unknown');
  switch (problem.code) {
    case 'unauthenticated':
    case 'session_ended':
      return t('problem.session_ended');
    case 'bad_credentials':
      return t('problem.bad_credentials');
    case 'not_member':
      return t('problem.not_member');
    case 'gone':
      return t('problem.gone');
    case 'room_full':
      return t('problem.room_full');
    case 'too_large':
      return t('problem.too_large');
    case 'rate_limited': {
      const count = waitOf(error);
      return count === null ? t('problem.too_often') : t('problem.rate_limited', { count });
    }
    case 'busy':
      return t('problem.busy');
    case 'internal':
      return t('problem.internal');
    case 'malformed_answer':
      return t('problem.malformed_answer');
    case 'unreachable':
      return t(navigator.onLine ? 'problem.unreachable' : 'problem.offline');
    default:
      return sentence(problem.title, problem.hint);
  }
}

/** Of a sign-in at a provider that does not begin: `busy` is the provider then. */
export function providerProblem(error: unknown, provider: string, t: TFunction): string {
  return problemOf(error)?.code === 'busy' ? t('problem.provider_silent', { provider }) : wordsFor(error, t);
}

/** The server writes in PostgreSQL's style: lower case, no full stop. */
function sentence(title: string, hint: string | null): string {
  const proper = (text: string) => {
    const capital = text.charAt(0).toLocaleUpperCase() + text.slice(1);
    return /[.!?]$/.test(capital) ? capital : `${capital}.`;
  };
  return hint === null || hint === '' ? proper(title) : `${proper(title)} ${proper(hint)}`;
}
