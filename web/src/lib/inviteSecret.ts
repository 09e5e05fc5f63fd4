/**
 * Owns the secret of an invite link between the moment it arrives in the fragment and the
 * moment it is used. It is taken out of the address bar at once and lives in this module's
 * memory only: never in storage, in the history, or in a URL. A reload forgets it.
 */
import { useSyncExternalStore } from 'react';
import { joinPath } from './router';

let secret: string | null = null;
const listeners = new Set<() => void>();

/** Takes the secret out of the address bar now and whenever another link is opened in this tab. */
export function watchInviteLinks(): void {
  takeFromAddress();
  window.addEventListener('hashchange', takeFromAddress);
}

/** The whole link, ready for `joinByLink`, or null when none is waiting. */
export function useInviteLink(): string | null {
  const held = useSyncExternalStore(subscribe, () => secret);
  return held === null ? null : `${location.origin}${joinPath}#${held}`;
}

export function forgetInvite(): void {
  keep(null);
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
