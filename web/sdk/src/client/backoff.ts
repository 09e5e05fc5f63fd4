/**
 * How long to wait before the next try: exponential with full jitter, so that clients which lost the same
 * server at the same moment do not come back at the same moment.
 */
const firstCeiling = 500;
const lastCeiling = 30_000;

/** Milliseconds before try number `attempt` (0 is the first retry). */
export function backoffDelay(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(lastCeiling, firstCeiling * 2 ** Math.min(attempt, 10));
  return Math.round(random() * ceiling);
}

/** The wait that a draining server asks for in its close reason (`retry after <ms>`), or null. */
export function drainDelay(reason: string): number | null {
  const match = /^retry after (\d{1,7})$/.exec(reason.trim());
  return match === null ? null : Number(match[1]);
}
