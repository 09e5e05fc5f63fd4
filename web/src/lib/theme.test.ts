// @vitest-environment happy-dom
import { expect, it } from 'vitest';
import { currentTheme, followOtherTabs, setTheme } from './theme';

it('is dark unless chosen otherwise, is remembered, and follows other tabs', () => {
  expect(currentTheme()).toBe('dark');
  setTheme('light');
  expect(currentTheme()).toBe('light');
  expect(localStorage.getItem('porcupine.theme')).toBe('light');

  followOtherTabs();
  window.dispatchEvent(new StorageEvent('storage', { key: 'something.else', newValue: 'dark' }));
  expect(currentTheme()).toBe('light');
  window.dispatchEvent(new StorageEvent('storage', { key: 'porcupine.theme', newValue: 'dark' }));
  expect(currentTheme()).toBe('dark');
});
