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

/** Tries in a row of something that is asked for again until it works. */
export class Retries {
  private count = 0;

  /** Milliseconds before the next try; `least`: the seconds that the server asks for. */
  next(least: number | null, random?: () => number): number {
    return (least ?? 1) * 1000 + backoffDelay(this.count++, random);
  }

  succeeded(): void {
    this.count = 0;
  }
}

/** The wait that a draining server asks for in its close reason (`retry after <ms>`), or null. */
export function drainDelay(reason: string): number | null {
  const match = /^retry after (\d{1,7})$/.exec(reason.trim());
  return match === null ? null : Number(match[1]);
}
