/**
 * Named exclusive locks: Web Locks where the platform has them, so that the tabs of one browser take turns;
 * otherwise a queue within this process, which is all that there is then.
 */
export interface Locks {
  run<T>(name: string, work: () => Promise<T>): Promise<T>;
}

export function platformLocks(): Locks {
  // Typed as always there; Node has no `navigator.locks`, and neither has a page from an insecure origin.
  const { navigator } = globalThis as { navigator?: { locks?: LockManager } };
  const manager = navigator?.locks;
  if (manager === undefined) {
    return processLocks;
  }
  return {
    run: async <T>(name: string, work: () => Promise<T>): Promise<T> => manager.request(name, work) as Promise<T>,
  };
}

const tails = new Map<string, Promise<unknown>>();

const processLocks: Locks = {
  run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const turn = (tails.get(name) ?? Promise.resolve()).then(work, work);
    const tail = turn.catch(() => undefined);
    tails.set(name, tail);
    void tail.then(() => {
      if (tails.get(name) === tail) {
        tails.delete(name);
      }
    });
    return turn;
  },
};
