/** Tokens and refusals over REST: one refresh for all, one retry, and what ends a session. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Http } from './http.ts';
import { platformLocks } from './locks.ts';
import { PorcupineError, problemFrom } from './problem.ts';

type Answer = [status: number, body?: unknown];

const session = (access: string) => ({
  user: { id: '1', username: 'a', display_name: 'A' },
  session: '1',
  device: '1',
  access,
  expires_in: 600,
});

const problem = (status: number, code: string, fields = {}): Answer => [status, { code, title: code, ...fields }];

function bench(answers: (path: string, init: RequestInit) => Answer | Error | null, refreshToken?: string) {
  const calls: { path: string; init: RequestInit }[] = [];
  const ended = vi.fn();
  let held: string | null = refreshToken ?? null;
  const http = new Http({
    baseUrl: 'https://chat.example',
    fetch: (input, init = {}) => {
      const path = (input as string).slice('https://chat.example'.length);
      calls.push({ path, init });
      const answer = answers(path, init);
      if (answer === null) {
        return new Promise(() => undefined);
      }
      if (answer instanceof Error) {
        return Promise.reject(answer);
      }
      const [status, body] = answer;
      return Promise.resolve(new Response(body === undefined ? null : JSON.stringify(body), { status }));
    },
    locks: platformLocks(),
    lockName: crypto.randomUUID(),
    refreshStore:
      refreshToken === undefined
        ? null
        : {
            load: () => Promise.resolve(held),
            save: (token) => {
              held = token;
              return Promise.resolve();
            },
          },
    onSessionEnded: ended,
    isOurs: ({ user }) => user.id === '1',
  });
  return { http, calls, ended, token: () => held };
}

const bearer = (init: RequestInit): string | undefined => (init.headers as Record<string, string>)['Authorization'];

test('calls that come at once share one refresh, which relies on the cookie', async () => {
  const { http, calls } = bench((path) => (path === '/api/auth/refresh/' ? [200, session('t1')] : [200, { results: [] }]));
  await Promise.all([http.request('GET', '/api/rooms/'), http.request('GET', '/api/rooms/')]);
  const refreshes = calls.filter(({ path }) => path === '/api/auth/refresh/');
  expect(refreshes).toHaveLength(1);
  expect((refreshes[0]?.init.headers as Record<string, string>)['X-Porcupine']).toBe('1');
  expect(refreshes[0]?.init.body).toBe('{}');
  expect(calls.filter(({ init }) => bearer(init) === 'Bearer t1')).toHaveLength(2);
});

test('a refused token is renewed and the call repeated once', async () => {
  const { http, calls, ended } = bench((path, init) => {
    if (path === '/api/auth/refresh/') {
      return [200, session('fresh')];
    }
    return bearer(init) === 'Bearer fresh' ? [200, { ok: true }] : problem(401, 'unauthenticated');
  });
  await http.adopt(session('old'));
  expect(await http.request('GET', '/api/rooms/')).toEqual({ ok: true });
  expect(calls.map(({ path }) => path)).toEqual(['/api/rooms/', '/api/auth/refresh/', '/api/rooms/']);
  expect(ended).not.toHaveBeenCalled();
});

test('an ended session is told, and a refusal carries its fields', async () => {
  const { http, ended } = bench(() => problem(401, 'session_ended'));
  await http.adopt(session('t'));
  await expect(http.request('GET', '/api/rooms/')).rejects.toMatchObject({ code: 'session_ended' });
  expect(ended).toHaveBeenCalledOnce();

  const refused = bench(() => problem(429, 'rate_limited', { retry_after: 7, detail: 'too often', hint: 'wait' }));
  const error: unknown = await refused.http.request('POST', '/x', { authorized: false, body: {} }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(PorcupineError);
  expect((error as PorcupineError).problem).toEqual({ code: 'rate_limited', title: 'too often', hint: 'wait', retryAfter: 7 });
});

test('a program without cookies keeps and sends its refresh token', async () => {
  const { http, calls, token } = bench((path) => (path === '/api/auth/refresh/' ? [200, { ...session('t'), refresh: 'r2' }] : [204]), 'r1');
  await http.request('POST', '/api/auth/logout/');
  expect(calls[0]?.init.body).toBe('{"refresh":"r1"}');
  expect(token()).toBe('r2');
  await http.forget();
  expect(token()).toBeNull();
});

describe('a refresh without an answer', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('is asked for again, with the same token, while the server still gives the same answer', async () => {
    let asked = 0;
    const { http, calls, token } = bench(() => (++asked < 3 ? null : [200, { ...session('t'), refresh: 'r2' }]), 'r1');
    const refreshed = http.refresh();
    await vi.advanceTimersByTimeAsync(9_000);
    expect((await refreshed).access).toBe('t');
    expect(calls.map(({ init }) => init.body)).toEqual(Array(3).fill('{"refresh":"r1"}'));
    expect(calls.every(({ init }) => init.keepalive)).toBe(true);
    expect(token()).toBe('r2');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(calls).toHaveLength(3);
  });

  test('is over with the first answer: nothing is asked afterwards', async () => {
    const { http, calls } = bench(() => [200, session('t')]);
    await http.refresh();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(calls).toHaveLength(1);
  });

  test('fails at once where there is no connection, and ends no session', async () => {
    const { http, calls, ended } = bench(() => new TypeError('fetch failed'));
    await expect(http.refresh()).rejects.toMatchObject({ code: 'unreachable' });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(calls).toHaveLength(1);
    expect(ended).not.toHaveBeenCalled();
  });

  test('takes a refusal from whichever was answered', async () => {
    let asked = 0;
    const { http, ended } = bench(() => (++asked === 1 ? null : problem(401, 'session_ended')));
    const refreshed = http.refresh().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(await refreshed).toMatchObject({ code: 'session_ended' });
    expect(ended).toHaveBeenCalledOnce();
  });
});

test('a refresh token that was used up is replaced even where the answer is somebody else\u2019s', async () => {
  const other = { ...session('t'), user: { id: '2', username: 'b', display_name: 'B' }, refresh: 'r2' };
  const { http, token } = bench(() => [200, other], 'r1');
  await expect(http.refresh()).rejects.toMatchObject({ code: 'session_ended' });
  expect(token()).toBe('r2');
});

test('a session of somebody else who signed in meanwhile is not taken over', async () => {
  const other = { ...session('t'), user: { id: '2', username: 'b', display_name: 'B' } };
  const { http, ended } = bench(() => [200, other]);
  await expect(http.request('GET', '/api/rooms/')).rejects.toMatchObject({ code: 'session_ended' });
  expect(ended).toHaveBeenCalledOnce();
});

test('a browser that has lost its cookie is signed out', async () => {
  const { http, ended } = bench(() => problem(400, 'invalid'));
  await expect(http.refresh()).rejects.toMatchObject({ code: 'unauthenticated' });
  expect(ended).toHaveBeenCalledOnce();
});

test.each([400, 401, 403, 404, 429, 502])('a page with status %i from a proxy ends no session', async (status) => {
  const { http, ended, token } = bench(() => [status, 'a page'], 'r1');
  await http.adopt(session('t'));
  await expect(http.refresh()).rejects.toBeInstanceOf(PorcupineError);
  await expect(http.request('GET', '/api/rooms/')).rejects.toBeInstanceOf(PorcupineError);
  expect(ended).not.toHaveBeenCalled();
  expect(token()).toBe('r1');
});

test('a status without a document says only what it can mean', () => {
  expect([429, 413, 404, 403, 503, null].map((status) => problemFrom(undefined, status).code)).toEqual([
    'rate_limited', 'too_large', 'malformed_answer', 'malformed_answer', 'busy', 'malformed_answer',
  ]);
});

test('no connection, and an answer that is none, have their own codes', async () => {
  const lost = bench(() => new TypeError('fetch failed'));
  await expect(lost.http.request('GET', '/x', { authorized: false })).rejects.toMatchObject({ code: 'unreachable' });
  const proxy = bench(() => [502]);
  await expect(proxy.http.request('GET', '/x', { authorized: false })).rejects.toMatchObject({ code: 'busy' });
  const empty = bench(() => [200]);
  await expect(empty.http.request('GET', '/x', { authorized: false })).rejects.toMatchObject({ code: 'malformed_answer' });
});

test('an aborted call rejects with the abort', async () => {
  const controller = new AbortController();
  controller.abort(new Error('left'));
  const { http } = bench(() => new Error('aborted'));
  await expect(http.request('GET', '/x', { authorized: false, signal: controller.signal })).rejects.not.toMatchObject({
    code: 'unreachable',
  });
});

test('what is done once is asked for again with its key, until an answer comes', async () => {
  vi.useFakeTimers();
  try {
    let tries = 0;
    const { http, calls } = bench((path) => {
      if (path === '/api/auth/refresh/') return [200, session('t1')];
      tries += 1;
      return tries === 1 ? new TypeError('the network is gone') : tries === 2 ? problem(503, 'busy') : [201, { id: '7' }];
    });
    const made = http.request('POST', '/api/rooms/', { body: { name: 'x' }, once: true });
    await vi.runAllTimersAsync();
    expect(await made).toEqual({ id: '7' });
    const keys = calls.filter(({ path }) => path === '/api/rooms/').map(({ init }) => (init.headers as Record<string, string>)['Idempotency-Key']);
    expect(keys).toHaveLength(3);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(keys).size).toBe(1);
  } finally {
    vi.useRealTimers();
  }
});

test('a refusal is not asked for again', async () => {
  const { http, calls } = bench((path) => (path === '/api/auth/refresh/' ? [200, session('t1')] : problem(409, 'quota')));
  await expect(http.request('POST', '/api/rooms/', { body: { name: 'x' }, once: true })).rejects.toMatchObject({ code: 'quota' });
  expect(calls.filter(({ path }) => path === '/api/rooms/')).toHaveLength(1);
});
