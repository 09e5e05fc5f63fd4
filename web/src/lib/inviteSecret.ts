/**
 * Owns the secret of an invite link between the moment it arrives in the fragment and the
 * moment it is used. It is taken out of the address bar at once and lives in this module's
 * memory only: never in the history or in a URL. A reload forgets it. While somebody is away
 * to sign in at a provider it waits in this tab's sessionStorage, and nowhere else would do:
 * the way back leads through the server.
 */
import { useSyncExternalStore } from 'react';
import { joinPath } from './router';

const AWAY_KEY = 'porcupine.invite';

let secret: string | null = null;
const listeners = new Set<() => void>();

/** Takes the secret out of the address bar now and whenever another link is opened in this tab. */
export function watchInviteLinks(): void {
  takeFromStorage();
  takeFromAddress();
  window.addEventListener('hashchange', takeFromAddress);
  // By "Back" the page may come as it was left, without being loaded.
  window.addEventListener('pageshow', takeFromStorage);
}

/** Before this page is left for a provider. */
export function keepInviteForReturn(): void {
  if (secret === null) return;
  try {
    sessionStorage.setItem(AWAY_KEY, secret);
  } catch {
    // Storage is forbidden: the link has to be opened again.
  }
}

/** The whole link, ready for `joinByLink`, or null when none is waiting. */
export function useInviteLink(): string | null {
  const held = useSyncExternalStore(subscribe, () => secret);
  return held === null ? null : `${location.origin}${joinPath}#${held}`;
}

export function forgetInvite(): void {
  keep(null);
}

function takeFromStorage(): void {
  try {
    const kept = sessionStorage.getItem(AWAY_KEY);
    sessionStorage.removeItem(AWAY_KEY);
    if (kept !== null) keep(kept);
  } catch {
    // Storage is forbidden, so nothing was kept.
  }
}

function takeFromAddress(): void {
  if (!/^\/join\/?$/.test(location.pathname) || location.hash.length < 2) return;
  const taken = location.hash.slice(1);
  history.replaceState(null, '', joinPath);
  keep(taken);
}

function keep(next: string | null): void {
  secret = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
