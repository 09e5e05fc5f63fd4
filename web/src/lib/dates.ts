/**
 * Dates and numbers in the browser's own language, whatever language the page's words are in.
 */
const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'short' });
const shortDate = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const longDay = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const longDayOfYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' });
const relativeDay = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });

const DAY = 86_400_000;

export const timeOfDay = (at: Date): string => time.format(at);
export const fullDate = (at: Date): string => full.format(at);

export function sameDay(a: Date, b: Date): boolean {
  return a.getFullYear() === b.getFullYear() && a.getMonth() === b.getMonth() && a.getDate() === b.getDate();
}

/** How many midnights lie between the two, by the local calendar. */
export function daysBetween(earlier: Date, later: Date): number {
  const midnight = (at: Date) => new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
  return Math.round((midnight(later) - midnight(earlier)) / DAY);
}

/** For a list: the time today, the weekday this week, else the date. */
export function listTime(at: Date, now: Date): string {
  return capitalised(listTimeWithin(at, now));
}

/** The same within a sentence. */
export function listTimeWithin(at: Date, now: Date): string {
  const days = daysBetween(at, now);
  if (days <= 0) return time.format(at);
  if (days === 1) return relativeDay.format(-1, 'day');
  if (days < 7) return weekday.format(at);
  return shortDate.format(at);
}

/** For a separator between days. */
export function dayName(at: Date, now: Date): string {
  const days = daysBetween(at, now);
  if (days === 0 || days === 1) return capitalised(relativeDay.format(-days, 'day'));
  return at.getFullYear() === now.getFullYear() ? longDay.format(at) : longDayOfYear.format(at);
}

function capitalised(text: string): string {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}
