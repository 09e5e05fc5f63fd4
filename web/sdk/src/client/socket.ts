/**
 * The WebSocket: authenticates, stays connected, hands on typed frames. It owns the connection's state and
 * the time of the next try. It keeps no frame: what must not be lost is kept by the outbox and the cursors,
 * which begin anew at each `ready`.
 */
import type { Connection } from '../model.ts';
import { backoffDelay, drainDelay } from './backoff.ts';
import { PorcupineError, isProblem } from './problem.ts';
import type { ClientFrame, ServerFrame } from './wire.ts';

/** The part of the standard WebSocket that is used, so that a program can bring its own. */
export interface WebSocketLike {
  readonly readyState: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

export interface SocketOptions {
  url: string;
  open: (url: string) => WebSocketLike;
  token: (fresh: boolean) => Promise<string>;
  onState: (state: Connection) => void;
  onFrame: (frame: ServerFrame) => void;
  /** The server says that the session is over (close code 4419). */
  onSessionEnded: () => void;
}

/** Where a browser says that its network has gone or come back; other platforms do not. */
const platformEvents: Partial<Pick<Window, 'addEventListener' | 'removeEventListener'>> = globalThis;

const readyDeadline = 10_000;
const pingEvery = 20_000;
const silenceLimit = 45_000;
const doubtLimit = 5_000;
const rateLimitDelay = 5_000;
const stableAfter = 10_000;

const knownTypes = new Set<string>([
  'ready', 'subscribed', 'reset', 'unsubscribed', 'event', 'ack', 'typing', 'presence', 'membership',
  'heads', 'pong', 'error',
]);

export class Socket {
  private socket: WebSocketLike | null = null;
  private ready = false;
  private stopped = true;
  private attempt = 0;
  private freshToken = false;
  private heardAt = 0;
  private readyAt: number | null = null;
  private readyTimer: ReturnType<typeof setTimeout> | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private pingTimer: ReturnType<typeof setInterval> | undefined;
  private doubtTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: SocketOptions) {}

  start(): void {
    this.stopped = false;
    platformEvents.addEventListener?.('online', this.retryNow);
    platformEvents.addEventListener?.('online', this.doubt);
    platformEvents.addEventListener?.('offline', this.doubt);
    void this.connect();
  }

  stop(): void {
    this.stopped = true;
    platformEvents.removeEventListener?.('online', this.retryNow);
    platformEvents.removeEventListener?.('online', this.doubt);
    platformEvents.removeEventListener?.('offline', this.doubt);
    clearTimeout(this.retryTimer);
    this.drop();
  }

  /** Sends the frame, or says false when there is no ready connection. */
  send(frame: ClientFrame): boolean {
    if (!this.ready || this.socket?.readyState !== 1) {
      return false;
    }
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  /** Tries at once instead of waiting for the timer. */
  readonly retryNow = (): void => {
    if (!this.stopped && this.socket === null && this.retryTimer !== undefined) {
      clearTimeout(this.retryTimer);
      this.retryTimer = undefined;
      void this.connect();
    }
  };

  private async connect(): Promise<void> {
    this.retryTimer = undefined;
    this.options.onState({ state: 'connecting' });
    let token: string;
    try {
      token = await this.options.token(this.freshToken);
      this.freshToken = false;
    } catch (error) {
      // The session's end is announced by whoever refreshes tokens; everything else is worth another try.
      if (!isProblem(error, 'session_ended', 'unauthenticated')) {
        const told = error instanceof PorcupineError ? (error.retryAfter ?? 0) * 1000 : 0;
        this.retryAfter(told + backoffDelay(this.attempt++));
      }
      return;
    }
    if (!this.stopped && this.socket === null) {
      this.open(token);
    }
  }

  private open(token: string): void {
    let socket: WebSocketLike;
    try {
      socket = this.options.open(this.options.url);
    } catch {
      this.retryAfter(backoffDelay(this.attempt++));
      return;
    }
    this.socket = socket;
    this.heardAt = Date.now();
    this.readyTimer = setTimeout(() => this.closed(socket, 0, ''), readyDeadline);
    socket.onopen = () => socket.send(JSON.stringify({ type: 'auth', token }));
    socket.onmessage = (event: { data: unknown }) => this.heard(socket, event.data);
    socket.onclose = (event: { code: number; reason: string }) => this.closed(socket, event.code, event.reason);
    // Before the close that says so, or, in Node, instead of it; a close with a code comes without an error.
    socket.onerror = () => this.closed(socket, 1006, '');
  }

  private heard(socket: WebSocketLike, data: unknown): void {
    if (socket !== this.socket) {
      return;
    }
    this.heardAt = Date.now();
    clearTimeout(this.doubtTimer);
    const frame = parseFrame(data);
    if (frame === null) {
      return;
    }
    if (frame.type === 'ready') {
      clearTimeout(this.readyTimer);
      this.ready = true;
      this.readyAt = Date.now();
      this.pingTimer = setInterval(() => this.beat(socket), pingEvery);
      this.options.onState({ state: 'online' });
    }
    if (frame.type !== 'pong') {
      this.options.onFrame(frame);
    }
  }

  /** A dead connection does not say that it is dead: only silence after a ping does. */
  private beat(socket: WebSocketLike): void {
    if (Date.now() - this.heardAt > silenceLimit) {
      this.closed(socket, 0, '');
    } else if (socket.readyState === 1) {
      socket.send('{"type":"ping"}');
    }
  }

  /** Nobody may say that a connection died with its network. So it is asked at once; to a server on this machine it goes on. */
  private readonly doubt = (): void => {
    const socket = this.socket;
    if (this.ready && socket?.readyState === 1) {
      socket.send('{"type":"ping"}');
      clearTimeout(this.doubtTimer);
      this.doubtTimer = setTimeout(() => this.closed(socket, 0, ''), doubtLimit);
    }
  };

  /** The one place where a connection ends. */
  private closed(socket: WebSocketLike, code: number, reason: string): void {
    if (socket !== this.socket) {
      return;
    }
    this.drop();
    if (this.stopped) {
      return;
    }
    // A server that takes connections only to drop them again is left alone for longer and longer.
    if (this.readyAt !== null && Date.now() - this.readyAt > stableAfter) {
      this.attempt = 0;
    }
    this.readyAt = null;
    if (code === 4419) {
      this.options.onSessionEnded();
      return;
    }
    this.freshToken = code === 4401;
    this.retryAfter(this.delayAfter(code, reason));
  }

  private delayAfter(code: number, reason: string): number {
    const jittered = backoffDelay(this.attempt++);
    switch (code) {
      case 4503:
        return (drainDelay(reason) ?? 0) + jittered;
      case 4429:
        return (drainDelay(reason) ?? rateLimitDelay) + jittered;
      default:
        return jittered;
    }
  }

  private retryAfter(delay: number): void {
    if (this.stopped) {
      return;
    }
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => void this.connect(), delay);
    this.options.onState({ state: 'offline', retryAt: Date.now() + delay });
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    this.ready = false;
    clearTimeout(this.readyTimer);
    clearInterval(this.pingTimer);
    clearTimeout(this.doubtTimer);
    if (socket !== null) {
      socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
      socket.close();
    }
  }
}

function parseFrame(data: unknown): ServerFrame | null {
  if (typeof data !== 'string') {
    return null;
  }
  try {
    const value: unknown = JSON.parse(data);
    const type = (value as { type?: unknown } | null)?.type;
    return typeof type === 'string' && knownTypes.has(type) ? (value as ServerFrame) : null;
  } catch {
    return null;
  }
}
