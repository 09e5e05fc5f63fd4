/**
 * The page's three addresses on the history API. It knows paths only: a fragment never
 * passes through here, because an invite's secret travels in one (see inviteSecret.ts).
 */
import { useSyncExternalStore, type AnchorHTMLAttributes, type MouseEvent } from 'react';

export type Route = { page: 'home' } | { page: 'room'; id: string } | { page: 'join' };

const listeners = new Set<() => void>();

export const homePath = '/';
export const joinPath = '/join';
export const roomPath = (id: string): string => `/r/${encodeURIComponent(id)}`;

export function useRoute(): Route {
  return parseRoute(useSyncExternalStore(subscribe, () => location.pathname));
}

export function parseRoute(path: string): Route {
  const room = /^\/r\/([^/]+)\/?$/.exec(path)?.[1];
  if (room !== undefined) {
    try {
      return { page: 'room', id: decodeURIComponent(room) };
    } catch {
      return { page: 'home' };
    }
  }
  return /^\/join\/?$/.test(path) ? { page: 'join' } : { page: 'home' };
}

export function navigate(path: string, options: { replace?: boolean } = {}): void {
  if (path === location.pathname) return;
  if (options.replace === true) history.replaceState(null, '', path);
  else history.pushState(null, '', path);
  for (const listener of listeners) listener();
}

/** An anchor that stays in the page, and still opens in a new tab when asked to. */
export function Link({ href, onClick, children, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!plain || event.defaultPrevented) return;
    event.preventDefault();
    navigate(href);
  };
  return (
    <a href={href} onClick={follow} {...rest}>
      {children}
    </a>
  );
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener('popstate', listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener('popstate', listener);
  };
}
