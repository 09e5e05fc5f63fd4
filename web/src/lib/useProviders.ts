/**
 * The providers that this server knows: asked for once, and kept, so that what shows them does not come late a second time. Asked for again, while
 * somebody wants them, when they could not be had. None meanwhile: one signs in without them.
 */
import { useSyncExternalStore } from 'react';
import type { Porcupine, Provider } from '@porcupine/sdk';
import { usePorcupine } from './client';

const AGAIN = 5000;
const none: readonly Provider[] = [];

class Providers {
  found: readonly Provider[] | null = null;
  private readonly listeners = new Set<() => void>();
  private asking: Promise<void> | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly porcupine: Porcupine) {}

  readonly subscribe = (changed: () => void) => {
    this.listeners.add(changed);
    void this.ask();
    return () => {
      this.listeners.delete(changed);
      if (this.listeners.size === 0) clearTimeout(this.timer);
    };
  };

  /** Resolves when they are there, or cannot be had for now. */
  ask(): Promise<void> {
    if (this.found !== null) return Promise.resolve();
    clearTimeout(this.timer);
    this.asking ??= this.porcupine
      .providers()
      .then(
        (found) => {
          this.found = found;
          for (const listener of this.listeners) listener();
        },
        () => {
          if (this.listeners.size > 0) this.timer = setTimeout(() => void this.ask(), AGAIN);
        },
      )
      .finally(() => {
        this.asking = null;
      });
    return this.asking;
  }
}

const kept = new WeakMap<Porcupine, Providers>();

function providersOf(porcupine: Porcupine): Providers {
  const providers = kept.get(porcupine) ?? new Providers(porcupine);
  kept.set(porcupine, providers);
  return providers;
}

export function useProviders(): readonly Provider[] {
  const providers = providersOf(usePorcupine());
  return useSyncExternalStore(providers.subscribe, () => providers.found ?? none);
}

/** Asks for them before they are shown; resolves when they are there, or `patience` milliseconds later. */
export function askForProviders(porcupine: Porcupine, patience: number): Promise<void> {
  return Promise.race([providersOf(porcupine).ask(), new Promise<void>((resolve) => setTimeout(resolve, patience))]);
}
