/** Somebody with the SDK in a "browser" of their own (a database prefix), driven by a test. */
import { expect, vi } from 'vitest';
import type { AccountKeys, LogState } from '../src/crypto/index.ts';
import { AccountStore } from '../src/store/accounts.ts';
import { Store } from '../src/store/store.ts';
import { createPorcupine, type PorcupineClient, type RoomHandle, type TimelineItem, type WebSocketLike } from '../src/index.ts';

const password = 'correct horse battery staple';
const patience = { timeout: 60_000, interval: 50 };

/** Waits until `look` gives something; says what it last threw when it never does. */
export function until<T>(look: () => T): Promise<Exclude<T, null | undefined | false>> {
  return vi.waitFor(() => {
    const found = look();
    expect(found, look.toString()).toBeTruthy();
    return found as Exclude<T, null | undefined | false>;
  }, patience);
}

/** Changes what the server says to one person, as a dishonest server would, and what it is asked. */
export interface Meddling {
  request?: (method: string, path: string) => { path: string; body: unknown } | null;
  /** Sees each frame that leaves. */
  sent?: (frame: Record<string, unknown>) => void;
  frame?: (frame: Record<string, unknown>) => Record<string, unknown>;
  answer?: (path: string, body: unknown) => unknown;
  /** Whether the answer of what the server has done gets lost on its way. */
  loses?: (method: string, path: string) => boolean;
}

export class Person {
  private static readonly everybody: Person[] = [];
  meddling: Meddling = {};
  readonly errors: unknown[] = [];
  client: PorcupineClient;
  /** What its last request was authorized by. */
  private authorization = '';
  private readonly handles = new Map<string, RoomHandle>();

  private constructor(
    private readonly server: string,
    readonly name: string,
    private readonly browser: string,
  ) {
    this.client = this.makeClient();
    Person.everybody.push(this);
  }

  /** Closes all browsers of this file, however far its tests came. */
  static async closeAll(): Promise<void> {
    await Promise.all(Person.everybody.splice(0).map((person) => person.close()));
  }

  /** A new account. */
  static async register(server: string, name: string): Promise<Person> {
    const unique = `${name}-${crypto.randomUUID().slice(0, 8)}`;
    const person = new Person(server, unique, unique);
    await person.client.start();
    await person.client.register({ username: unique, password, displayName: name });
    await person.ready();
    return person;
  }

  /** The same account in another browser. */
  async elsewhere(): Promise<Person> {
    const other = new Person(this.server, this.name, crypto.randomUUID());
    await other.client.start();
    await other.signIn();
    return other;
  }

  /** Another tab of the same browser. */
  async tab(): Promise<Person> {
    const other = new Person(this.server, this.name, this.browser);
    await other.client.start();
    await other.ready();
    return other;
  }

  async signIn(): Promise<void> {
    await this.client.signIn({ username: this.name, password });
  }

  async ready(): Promise<void> {
    await until(() => this.client.snapshot().account?.keys === 'ready');
    await this.online();
  }

  async online(): Promise<void> {
    await until(() => this.client.snapshot().connection.state === 'online');
  }

  /** Closes the browser and opens it again. */
  async restart(): Promise<void> {
    await this.client.close();
    this.handles.clear();
    this.client = this.makeClient();
    await this.client.start();
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  get id(): string {
    return this.client.snapshot().account?.id ?? '';
  }

  room(id: string): RoomHandle {
    let handle = this.handles.get(id);
    if (handle === undefined) {
      handle = this.client.openRoom(id);
      this.handles.set(id, handle);
    }
    return handle;
  }

  /** The texts of a room in the order of its timeline; what cannot be read stands in angle brackets. */
  texts(id: string): string[] {
    return this.messages(id).map((item) =>
      item.type === 'message' ? item.text : `<${item.reason}: ${item.detail}>`,
    );
  }

  messages(id: string): Exclude<TimelineItem, { type: 'notice' }>[] {
    return this.room(id)
      .view()
      .timeline.filter((item) => item.type !== 'notice');
  }

  async inside(id: string): Promise<void> {
    await until(() => this.room(id).view().state === 'ready');
  }

  async reads(id: string, ...texts: string[]): Promise<void> {
    await vi.waitFor(() => expect(this.texts(id), this.name).toEqual(expect.arrayContaining(texts)), patience);
  }

  /** Waits until nothing is on its way any more: for hundreds as long as some of them arrive. */
  async delivered(id: string): Promise<void> {
    const under = (): number => this.messages(id).filter((item) => item.type === 'message' && item.delivery !== 'sent').length;
    for (let left = under(); left > 0; left = under()) await until(() => under() < left);
  }

  private makeClient(): PorcupineClient {
    return createPorcupine({
      server: this.server,
      session: 'database',
      database: this.browser,
      fetch: (input, init) => this.fetch(input, init),
      openSocket: (url) => new MeddledSocket(url, () => this.meddling),
      onError: (error) => this.errors.push(error),
    });
  }

  /** What this browser keeps of a room and its own keys, for whoever writes entries that no client would. */
  async insides(id: string): Promise<{ log: LogState; keys: AccountKeys }> {
    const accounts = await AccountStore.open(this.browser);
    const store = await Store.open((await accounts.current())?.database ?? '');
    const [log, keys] = await Promise.all([store.log(id), store.keys()]);
    accounts.close();
    store.close();
    if (log === undefined || keys === null) {
      throw new Error('nothing is kept here');
    }
    return { log, keys };
  }

  /** Asks the server as this person, past the client. */
  async ask(path: string, body?: object): Promise<unknown> {
    const headers = { Authorization: this.authorization, 'Content-Type': 'application/json' };
    const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const response = await fetch(`${this.server}/api/${path}`, { headers, ...sent });
    expect(response.status, path).toBeLessThan(300);
    return response.json();
  }

  /** A room's log as the server tells it to this person. */
  async log(id: string): Promise<unknown> {
    return this.ask(`rooms/${id}/log/?after=-1`);
  }

  private async fetch(input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> {
    const { answer, request, loses } = this.meddling;
    this.authorization = new Headers(init?.headers).get('Authorization') ?? this.authorization;
    const other = request?.(init?.method ?? 'GET', new URL(input as string).pathname) ?? null;
    const response = await (other === null
      ? fetch(input, init)
      : fetch(this.server + other.path, { ...init, body: JSON.stringify(other.body) }));
    if (loses?.(init?.method ?? 'GET', new URL(input as string).pathname) === true) {
      await response.text();
      throw new TypeError('the answer was lost');
    }
    if (answer === undefined || !response.ok || response.status === 204) {
      return response;
    }
    const changed = answer(new URL(input as string).pathname, await response.json());
    return new Response(JSON.stringify(changed), { status: response.status });
  }
}

/** A WebSocket whose messages pass through the meddler. */
class MeddledSocket implements WebSocketLike {
  onmessage: ((event: never) => void) | null = null;
  private readonly socket: WebSocket;

  constructor(
    url: string,
    private readonly meddling: () => Meddling,
  ) {
    this.socket = new WebSocket(url);
    this.socket.onmessage = ({ data }: MessageEvent<string>) => {
      const frame = JSON.parse(data) as Record<string, unknown>;
      this.onmessage?.({ data: JSON.stringify(meddling().frame?.(frame) ?? frame) } as never);
    };
  }

  get readyState(): number {
    return this.socket.readyState;
  }

  set onopen(handler: ((event: never) => void) | null) {
    this.socket.onopen = handler as WebSocket['onopen'];
  }

  set onclose(handler: ((event: never) => void) | null) {
    this.socket.onclose = handler as WebSocket['onclose'];
  }

  set onerror(handler: ((event: never) => void) | null) {
    this.socket.onerror = handler as WebSocket['onerror'];
  }

  send(data: string): void {
    this.meddling().sent?.(JSON.parse(data) as Record<string, unknown>);
    this.socket.send(data);
  }

  close(code?: number, reason?: string): void {
    this.socket.close(code, reason);
  }
}
