/**
 * The SDK's surface: one function that makes the client, the types of what it shows, and its error.
 * A program that wants the encryption layer alone imports `@porcupine/sdk/crypto`.
 */
import type { WebSocketLike } from './client/socket.ts';
import type { Porcupine } from './model.ts';
import { Engine } from './sync/engine.ts';

export type * from './model.ts';
export { PorcupineError } from './client/problem.ts';
export type { WebSocketLike } from './client/socket.ts';

export interface PorcupineOptions {
  /** Origin of the server, `https://chat.example`; the page's own when absent. */
  server?: string;
  /** Where the refresh token lives: the HttpOnly cookie in a browser, the database in other programs. */
  session?: 'cookie' | 'database';
  /** Prefix of the names of the IndexedDB databases. */
  database?: string;
  /** What the user sees in their list of devices. */
  deviceName?: string;
  fetch?: typeof fetch;
  openSocket?: (url: string) => WebSocketLike;
  /** Told what failed in the background and will be tried again; for logs. */
  onError?: (error: unknown) => void;
}

/** The client, which a program can also stop without signing out. */
export type PorcupineClient = Porcupine & { close(): Promise<void> };

/** Makes the client; nothing happens until `start`. Needs IndexedDB, Web Crypto, fetch and WebSocket. */
export function createPorcupine(options: PorcupineOptions = {}): PorcupineClient {
  const server = (options.server ?? globalThis.location.origin).replace(/\/+$/, '');
  return new Engine({
    server,
    cookie: (options.session ?? 'cookie') === 'cookie',
    database: options.database ?? 'porcupine',
    deviceName: options.deviceName ?? null,
    fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
    openSocket: options.openSocket ?? ((url) => new WebSocket(url)),
    onError: options.onError ?? (() => undefined),
  });
}
