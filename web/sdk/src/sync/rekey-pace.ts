/**
 * How often this device may begin an epoch that nobody waits for: a few at once, so that people who join
 * together do not wait for each other, and one a minute in the long run. What the server says decides who
 * joined and who left, so without this it could keep a page busy for ever. Pure.
 */
const burst = 5;
const interval = 60_000;

export class Pace {
  private times: number[] = [];

  /** Milliseconds until the next one is allowed; 0 when it is now. */
  wait(now = Date.now()): number {
    this.times = this.times.filter((time) => time <= now && now - time < burst * interval);
    const oldest = this.times[0];
    return oldest === undefined || this.times.length < burst ? 0 : oldest + burst * interval - now;
  }

  take(now = Date.now()): void {
    this.times.push(now);
  }
}
