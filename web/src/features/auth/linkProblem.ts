/** A refusal to link in the page's own words, where those of problems.ts would speak of something else. */
import type { TFunction } from 'i18next';
import { problemOf, wordsFor } from '../../lib/problems';

export function linkProblem(error: unknown, t: TFunction): string {
  return problemOf(error)?.code === 'gone' ? t('auth.linkGone') : wordsFor(error, t);
}
