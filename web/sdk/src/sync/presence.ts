/** Who is online and who is typing in one room: best effort, never stored. */
const typingLasts = 5_000;
/** One typing frame in this time is enough to keep the sign alive at the others. */
const typingEvery = 3_000;

export class Presence {
  private online = new Set<string>();
  private readonly typists = new Map<string, ReturnType<typeof setTimeout>>();
  private toldAt = 0;

  constructor(private readonly onChange: () => void) {}

  isOnline(user: string): boolean {
    return this.online.has(user);
  }

  get typing(): string[] {
    return [...this.typists.keys()];
  }

  replaceOnline(users: readonly string[]): void {
    this.online = new Set(users);
    this.onChange();
  }

  setOnline(user: string, online: boolean): void {
    if (online) {
      this.online.add(user);
    } else {
      this.online.delete(user);
      this.stopped(user);
    }
    this.onChange();
  }

  startedTyping(user: string): void {
    clearTimeout(this.typists.get(user));
    this.typists.set(user, setTimeout(() => this.stopped(user), typingLasts));
    this.onChange();
  }

  /** A message of theirs arrived, or nothing for a while. */
  stopped(user: string): void {
    const timer = this.typists.get(user);
    if (timer !== undefined) {
      clearTimeout(timer);
      this.typists.delete(user);
      this.onChange();
    }
  }

  /** Whether it is time to tell the others that this user types. */
  shouldTell(): boolean {
    const now = Date.now();
    if (now - this.toldAt < typingEvery) {
      return false;
    }
    this.toldAt = now;
    return true;
  }

  close(): void {
    for (const user of [...this.typists.keys()]) {
      clearTimeout(this.typists.get(user));
    }
    this.typists.clear();
    this.online.clear();
  }
}
