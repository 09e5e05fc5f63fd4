/**
 * The colour theme: dark unless the user chose light. Remembered in localStorage, which
 * holds nothing else of the page's, and followed by the other tabs. `public/theme.js` applies
 * it before the first paint.
 */
import { useSyncExternalStore } from 'react';

export type Theme = 'dark' | 'light';

const STORAGE_KEY = 'porcupine.theme';
const BAR_COLOUR: Record<Theme, string> = { dark: '#131211', light: '#f8f6f3' };

const listeners = new Set<() => void>();

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, currentTheme);
}

export function currentTheme(): Theme {
  return document.documentElement.dataset.theme === 'light' ? 'light' : 'dark';
}

export function setTheme(theme: Theme): void {
  try {
    localStorage.setItem(STORAGE_KEY, theme);
  } catch {
    // Storage is forbidden: the choice lasts as long as this page.
  }
  apply(theme);
}

/** Takes over what is chosen in another tab, for as long as the page lives. */
export function followOtherTabs(): void {
  window.addEventListener('storage', ({ key, newValue }) => {
    if (key === STORAGE_KEY) apply(newValue === 'light' ? 'light' : 'dark');
  });
}

function apply(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  document.querySelector('meta[name="theme-color"]')?.setAttribute('content', BAR_COLOUR[theme]);
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
