/**
 * REST: one request, its deadline, its tokens, its problems. The access token lives in memory only. The
 * refresh token is the HttpOnly cookie in a browser; a program without cookies passes a `RefreshStore`.
 *
 * It never decides what a refusal means for the data; it only ends the session when the server says so.
 */
import { Retries } from './backoff.ts';
import type { Locks } from './locks.ts';
import { PorcupineError, isProblem, problemFrom, unreachable } from './problem.ts';
import type { WireSession } from './wire.ts';

/** Where a program without cookies keeps its refresh token. */
export interface RefreshStore {
  load(): Promise<string | null>;
  save(token: string | null): Promise<void>;
}

export interface HttpOptions {
  /** Origin of the bridge, without a trailing slash; empty for the page's own. */
  baseUrl: string;
  fetch: typeof fetch;
  locks: Locks;
  /** Names the lock under which the sessions of this origin are refreshed. */
  lockName: string;
  /** null: the cookie. */
  refreshStore: RefreshStore | null;
  /** The session is over or there is none, and this says so; may be called again. */
  onSessionEnded: (error: PorcupineError) => void;
  /** Whether a session is the one that this page shows: another tab may have signed in as somebody else. */
  isOurs: (session: WireSession) => boolean;
}

export interface Call {
  body?: unknown;
  query?: Record<string, string | number | undefined>;
  /** False for the calls that need no access token. */
  authorized?: boolean;
  signal?: AbortSignal;
  /**
   * A POST that may be asked for again when nobody knows what became of it: it gets an Idempotency-Key, by which the
   * server does it once and gives the first answer to each try.
   */
  once?: boolean;
  /** The browser sees it through although the page goes away. */
  keepalive?: boolean;
  /** Milliseconds, where the answer may take longer than most. */
  patience?: number;
}

const deadline = 30_000;
/** Its Idempotency-Key is the same for all its tries. */
interface KeyedCall extends Call {
  key?: string;
}
/** How often a call that is done once is asked for again. */
const repetitions = 3;
/** Renew this long before the access token expires, so that a slow clock does no harm. */
const renewBefore = 30_000;
/**
 * A refresh that has no answer is asked for again after so long. A refresh token is used up by one refresh, but for ten seconds the
 * server gives the same successor once more: an answer that was lost has to be fetched within them.
 */
const askAgainAfter = [3_000, 6_000];

export class Http {
  private access: { token: string; until: number } | null = null;
  private refreshing: Promise<WireSession> | null = null;

  constructor(private readonly options: HttpOptions) {}

  /** What register and login have to send so that the refresh token comes the right way. */
  get sessionFields(): { cookie?: true } {
    return this.options.refreshStore === null ? { cookie: true } : {};
  }

  async adopt(session: WireSession): Promise<void> {
    this.access = { token: session.access, until: Date.now() + session.expires_in * 1000 };
    if (this.options.refreshStore !== null && session.refresh !== undefined) {
      await this.options.refreshStore.save(session.refresh);
    }
  }

  async forget(): Promise<void> {
    this.access = null;
    await this.options.refreshStore?.save(null);
  }

  /** A valid access token, refreshed if needed; `fresh` asks for another than the one that was refused. */
  async accessToken(fresh = false): Promise<string> {
    if (!fresh && this.access !== null && this.access.until - renewBefore > Date.now()) {
      return this.access.token;
    }
    return (await this.refresh()).access;
  }

  /** Continues the session of this browser; all callers share one request. */
  refresh(): Promise<WireSession> {
    this.refreshing ??= this.options.locks
      .run(this.options.lockName, () => this.requestRefresh())
      .finally(() => {
        this.refreshing = null;
      });
    return this.refreshing;
  }

  /** Resolves with the answer's JSON (undefined for 204), rejects with a `PorcupineError`. */
  async request<T>(method: string, path: string, call: KeyedCall = {}): Promise<T> {
    if (call.authorized === false) {
      return this.exchange<T>(method, path, call, null);
    }
    if (call.once === true) {
      return this.repeat<T>(method, path, { ...call, once: false, key: crypto.randomUUID() });
    }
    const token = await this.accessToken();
    try {
      return await this.exchange<T>(method, path, call, token);
    } catch (error) {
      if (!isProblem(error, 'unauthenticated')) {
        this.noticeEnd(error);
        throw error;
      }
    }
    return this.exchange<T>(method, path, call, await this.accessToken(true));
  }

  private async repeat<T>(method: string, path: string, call: KeyedCall): Promise<T> {
    const retries = new Retries();
    for (let attempt = 0; ; attempt++) {
      let least: number | null;
      try {
        return await this.request<T>(method, path, call);
      } catch (error) {
        if (attempt === repetitions || call.signal?.aborted === true || !isProblem(error, 'unreachable', 'busy')) {
          throw error;
        }
        least = error.retryAfter;
      }
      await new Promise((resolve) => setTimeout(resolve, retries.next(least)));
    }
  }

  private async requestRefresh(): Promise<WireSession> {
    const store = this.options.refreshStore;
    const held = store === null ? null : await store.load();
    if (store !== null && held === null) {
      throw new PorcupineError('unauthenticated', 'not signed in');
    }
    try {
      const body = held === null ? {} : { refresh: held };
      const session = await firstAnswer(
        () => this.exchange<WireSession>('POST', '/api/auth/refresh/', { body, keepalive: true }, null),
        askAgainAfter,
      );
      // Kept whoever it belongs to: the one that was sent is good for nothing any more.
      if (session.refresh !== undefined) {
        await store?.save(session.refresh);
      }
      if (!this.options.isOurs(session)) {
        throw new PorcupineError('session_ended', 'somebody else signed in in this browser', null, null, { reason: 'replaced' });
      }
      await this.adopt(session);
      return session;
    } catch (error) {
      // Without a cookie the call lacks its refresh token, which the server calls invalid.
      const refusal = isProblem(error, 'invalid') ? new PorcupineError('unauthenticated', 'not signed in') : error;
      this.noticeEnd(refusal);
      throw refusal;
    }
  }

  private noticeEnd(error: unknown): void {
    if (isProblem(error, 'session_ended', 'unauthenticated')) {
      this.access = null;
      this.options.onSessionEnded(error);
    }
  }

  private async exchange<T>(method: string, path: string, call: KeyedCall, token: string | null): Promise<T> {
    const headers: Record<string, string> = { Accept: 'application/json', 'X-Porcupine': '1' };
    if (token !== null) {
      headers['Authorization'] = `Bearer ${token}`;
    }
    if (call.key !== undefined) {
      headers['Idempotency-Key'] = call.key;
    }
    const init: RequestInit = { method, headers, credentials: 'same-origin', cache: 'no-store', keepalive: call.keepalive === true };
    if (call.body !== undefined) {
      headers['Content-Type'] = 'application/json';
      init.body = JSON.stringify(call.body);
    }
    const timeout = AbortSignal.timeout(call.patience ?? deadline);
    init.signal = call.signal === undefined ? timeout : AbortSignal.any([call.signal, timeout]);
    let response: Response;
    let text: string;
    try {
      response = await this.options.fetch(this.options.baseUrl + path + queryString(call.query), init);
      text = await response.text();
    } catch (error) {
      if (call.signal?.aborted === true) {
        throw error;
      }
      throw unreachable();
    }
    return readAnswer(response, text) as T;
  }
}

/** The first answer or refusal of a call that is made again while it has none. It is lost when all of them are. */
function firstAnswer<T>(ask: () => Promise<T>, again: readonly number[]): Promise<T> {
  return new Promise((resolve) => {
    let open = 0;
    const attempt = (): void => {
      const asked = ask();
      const settle = (): void => {
        timers.forEach(clearTimeout);
        resolve(asked);
      };
      open += 1;
      asked.then(settle, (error: unknown) => {
        open -= 1;
        if (open === 0 || !isProblem(error, 'unreachable')) {
          settle();
        }
      });
    };
    const timers = again.map((delay) => setTimeout(attempt, delay));
    attempt();
  });
}

function readAnswer(response: Response, text: string): unknown {
  let value: unknown;
  if (text !== '') {
    try {
      value = JSON.parse(text);
    } catch {
      // A proxy in between answered with a page of its own: only the status says something.
      value = undefined;
    }
  }
  if (!response.ok) {
    throw problemFrom(value, response.status);
  }
  if (value === undefined && response.status !== 204) {
    throw new PorcupineError('malformed_answer', 'the server answered with something that is no JSON');
  }
  return value;
}

function queryString(query: Call['query']): string {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  if (pairs.length === 0) {
    return '';
  }
  return `?${pairs.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&')}`;
}
