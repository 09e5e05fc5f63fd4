// @vitest-environment happy-dom
import { act, renderHook } from '@testing-library/react';
import { expect, it } from 'vitest';
import { forgetInvite, keepInviteForReturn, useInviteLink, watchInviteLinks } from './inviteSecret';

it('takes the secret out of the address bar, keeps it in memory alone, and forgets it when told to', () => {
  history.replaceState(null, '', '/join#c2VjcmV0');
  watchInviteLinks();
  expect(location.href).not.toContain('c2VjcmV0');
  expect(location.pathname).toBe('/join');

  const { result } = renderHook(() => useInviteLink());
  expect(result.current).toBe(`${location.origin}/join#c2VjcmV0`);
  expect(localStorage.length + sessionStorage.length).toBe(0);

  act(() => {
    forgetInvite();
  });
  expect(result.current).toBeNull();
});

it('keeps the secret in this tab while its page is away at a provider, and no longer', () => {
  history.replaceState(null, '', '/join#c2VjcmV0');
  watchInviteLinks();
  keepInviteForReturn();
  expect(sessionStorage.length).toBe(1);
  forgetInvite();

  // the page is loaded again, at the address that the server knows
  history.replaceState(null, '', '/join');
  watchInviteLinks();
  expect(sessionStorage.length).toBe(0);
  const { result } = renderHook(() => useInviteLink());
  expect(result.current).toBe(`${location.origin}/join#c2VjcmV0`);
  act(() => {
    forgetInvite();
  });

  keepInviteForReturn();
  expect(sessionStorage.length).toBe(0);
});
