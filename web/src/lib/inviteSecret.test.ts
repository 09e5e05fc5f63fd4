// @vitest-environment happy-dom
import { act, renderHook } from '@testing-library/react';
import { expect, it } from 'vitest';
import { forgetInvite, useInviteLink, watchInviteLinks } from './inviteSecret';

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
