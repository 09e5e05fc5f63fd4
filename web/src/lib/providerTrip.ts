/**
 * The way to an OpenID provider and back. It owns what became of a sign-in there, between the moment that the browser comes back
 * with it in the address and the moment that somebody has read it, and leaves an address without it.
 */
import { useSyncExternalStore } from 'react';
import { keepInviteForReturn } from './inviteSecret';
import { homePath, joinPath, parseRoute, roomPath } from './router';

/** Why nobody was signed in; `lost`: somebody was, and this browser kept no cookie of it. */
export type Failure = 'cancelled' | 'expired' | 'refused' | 'unreachable' | 'lost';
/** `returned`: signed in, says the server. `link`: there is something to confirm first. */
export type Outcome = 'returned' | 'link' | Failure;

export interface Trip {
  outcome: Outcome;
  /** Whether somebody was signed in here already, and so asked for a further identity; null until the page has started. */
  signedIn: boolean | null;
}

const WORD = 'sign-in';
const PATIENCE = 10_000;
const outcomes: readonly string[] = ['returned', 'link', 'cancelled', 'expired', 'refused', 'unreachable'] satisfies Outcome[];

let trip: Trip | null = null;
const listeners = new Set<() => void>();

/** Takes the outcome out of the address bar; the server has put its word behind the one of `returnPath`. */
export function takeOutcome(): void {
  const address = new URL(location.href);
  const word = address.searchParams.getAll(WORD).at(-1);
  if (word === undefined) return;
  address.searchParams.delete(WORD);
  history.replaceState(null, '', address.pathname + address.search + address.hash);
  keep(outcomes.includes(word) ? { outcome: word as Outcome, signedIn: null } : null);
}

export function useTrip(): Trip | null {
  return useSyncExternalStore(subscribe, currentTrip);
}

export function currentTrip(): Trip | null {
  return trip;
}

/** The page has started and knows who is signed in. */
export function settleTrip(signedIn: boolean): void {
  if (trip === null) return;
  if (trip.outcome === 'returned') keep(signedIn ? null : { outcome: 'lost', signedIn });
  else keep({ ...trip, signedIn });
}

export function forgetTrip(): void {
  if (trip !== null) keep(null);
}

/** Where a provider sends the browser back to: one of the page's own addresses, never one that was only typed. */
export function returnPath(): string {
  const route = parseRoute(location.pathname);
  const path = route.page === 'room' ? roomPath(route.id) : route.page === 'join' ? joinPath : homePath;
  return `${path}?${WORD}=returned`;
}

/** Resolves only when the page is still there: the browser came back to it, or never got away. */
export async function leaveFor(url: string): Promise<void> {
  keepInviteForReturn();
  location.assign(url);
  await new Promise<void>((resolve) => {
    window.addEventListener('pageshow', () => resolve(), { once: true });
    setTimeout(resolve, PATIENCE);
  });
}

function keep(next: Trip | null): void {
  trip = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
