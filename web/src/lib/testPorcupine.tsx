/** For tests of components: they are shown with as much of a client as the test gives, and refused in the server's terms. */
import type { ReactNode } from 'react';
import { configure, render, type RenderResult } from '@testing-library/react';
import type { Porcupine, Snapshot } from '@porcupine/sdk';
import { PorcupineContext } from './client';

// Machines that run tests have other things to do.
configure({ asyncUtilTimeout: 10_000 });

export const connected: Snapshot = { connection: { state: 'online' }, account: null, ended: null, rooms: null };

export function show(element: ReactNode, porcupine: Partial<Porcupine>): RenderResult {
  const whole = { snapshot: () => connected, subscribe: () => () => undefined, ...porcupine } as Porcupine;
  return render(<PorcupineContext value={whole}>{element}</PorcupineContext>);
}

export function refusal(code: string, retryAfter: number | null = null): Error {
  return Object.assign(new Error(code), { problem: { code, title: code, hint: null, retryAfter } });
}
