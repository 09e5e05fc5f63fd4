/**
 * The client as a user interface sees it: signs in and out, hands everything else to the session, and keeps
 * the snapshot. The only writer of what `model.ts` describes.
 */
import { Api } from '../client/api.ts';
import { Http } from '../client/http.ts';
import { platformLocks, type Locks } from '../client/locks.ts';
import { PorcupineError, isProblem } from '../client/problem.ts';
import type { WebSocketLike } from '../client/socket.ts';
import type { WireSession } from '../client/wire.ts';
import type {
  Ended,
  Identity,
  InvitePreview,
  LinkOffer,
  Porcupine,
  Profile,
  Provider,
  RoomHandle,
  RoomSummary,
  SignIn,
  Snapshot,
} from '../model.ts';
import { AccountStore } from '../store/accounts.ts';
import type { KnownAccount, SignedIn } from '../store/schema.ts';
import { Store } from '../store/store.ts';
import { Emitter } from './emitter.ts';
import { whyEnded } from './ending.ts';
import { Handle } from './handle.ts';
import { previewInvite } from './invites.ts';
import { Session } from './session.ts';

export interface EngineOptions {
  server: string;
  cookie: boolean;
  database: string;
  deviceName: string | null;
  fetch: typeof fetch;
  openSocket: (url: string) => WebSocketLike;
  onError: (error: unknown) => void;
}

/** Milliseconds that the reason of an end is worth. */
const patience = 5_000;

/** Whether a refusal says that there is no session any more. */
const isOver = (error: unknown): boolean => isProblem(error, 'unauthenticated', 'session_ended', 'bad_credentials');

const signedOut: Snapshot = { connection: { state: 'connecting' }, account: null, ended: null, rooms: null };

export class Engine implements Porcupine {
  private readonly changes = new Emitter();
  private readonly locks: Locks = platformLocks();
  private readonly handles = new Set<Handle>();
  private parts: Promise<{ accounts: AccountStore; http: Http; api: Api }> | null = null;
  private session: Session | null = null;
  private shown: Snapshot = signedOut;
  private ended: Ended | null = null;
  /** Under way; one at a time. */
  private ending: Promise<void> | null = null;
  /** While the account is being erased, whether its session was seen to end: no news, unless that fails. */
  private erasing: { ended: boolean } | null = null;
  /** Signing out here: that the session is over is what was asked for, whoever says so first. */
  private leaving = false;

  constructor(private readonly options: EngineOptions) {}

  snapshot(): Snapshot {
    return this.shown;
  }

  subscribe(onChange: () => void): () => void {
    return this.changes.subscribe(onChange);
  }

  async start({ returning = false }: { returning?: boolean } = {}): Promise<void> {
    const { accounts, http } = await this.open();
    await this.tellSignOut().catch((error: unknown) => {
      this.options.onError(error);
      this.ended = 'unheard';
      this.refresh();
    });
    const current = await accounts.current();
    if (this.session !== null || (current === null && !returning)) {
      return;
    }
    try {
      await this.resume(await http.refresh(), current);
    } catch (error) {
      if (isOver(error)) {
        await accounts.setCurrent(null);
        this.ended = current !== null && isProblem(error, 'session_ended') ? whyEnded(error) : null;
        this.refresh();
        return;
      }
      if (current === null) {
        throw error;
      }
      // No connection: show what is here, and connect when it can be reached.
      await this.begin(current);
    }
  }

  async register(input: { username: string; password: string; displayName: string }): Promise<void> {
    const { api } = await this.open();
    await this.tellSignOut();
    const { username, password } = input;
    await this.enter(
      await api.register({ username, password, display_name: input.displayName, ...this.deviceName() }),
      null,
    );
  }

  async signIn({ username, password }: { username: string; password: string }): Promise<void> {
    const { accounts, http, api } = await this.open();
    await this.tellSignOut();
    const login = (known: KnownAccount | null): Promise<WireSession> =>
      api.login({ username, password, ...(known === null ? {} : { device: known.device }), ...this.deviceName() });
    const known = await accounts.known(username);
    const wire = await login(known).catch((error: unknown) => {
      if (known !== null && isProblem(error, 'not_found')) {
        return login(null);
      }
      throw error;
    });
    // Signed in by e-mail address, this browser may still be a device of that account.
    const same = await accounts.known(wire.user.username);
    if (known === null && same?.user === wire.user.id) {
      await http.adopt(wire);
      await api.logout();
      await this.enter(await login(same), same);
    } else {
      await this.enter(wire, known);
    }
  }

  async signOut(): Promise<void> {
    const { accounts, api } = await this.open();
    this.leaving = true;
    try {
      const failure = await api.logout().then(() => null, (error: unknown) => ({ error }));
      if (failure !== null) {
        // Here the session ends in any case.
        this.options.onError(failure.error);
        if (!isOver(failure.error)) {
          // Before it is forgotten who was here: the refresh token is in this browser, and good.
          await accounts.setUnheard(true);
          this.ended = 'unheard';
        }
      }
      await this.end();
    } finally {
      this.leaving = false;
    }
  }

  async profile(): Promise<Profile> {
    const { display_name: displayName, email } = await (await this.open()).api.profile();
    return { displayName, email };
  }

  async changeProfile({ displayName, email }: { displayName?: string; email?: string }): Promise<Profile> {
    const { accounts, api } = await this.open();
    const changed = await api.changeProfile({
      ...(displayName === undefined ? {} : { display_name: displayName }),
      ...(email === undefined ? {} : { email }),
    });
    const { id, username, display_name } = changed;
    const current = await accounts.current();
    if (current?.user.id === id) {
      await accounts.setCurrent({ ...current, user: { id, username, display_name } });
    }
    this.session?.renamed({ id, username, display_name });
    return { displayName: display_name, email: changed.email };
  }

  async eraseAccount({ password }: { password: string | null }): Promise<void> {
    const { accounts, http, api } = await this.open();
    const session = this.present();
    const erasing: { ended: boolean } = { ended: false };
    this.erasing = erasing;
    try {
      await api.eraseAccount(password === null ? {} : { password });
    } catch (error) {
      this.erasing = null;
      if (erasing.ended) {
        // Erased perhaps, with the answer lost: what is here stays until somebody knows.
        this.sessionEnded(null);
      }
      throw error;
    }
    session.close();
    this.session = null;
    await accounts.forget(session.account.id);
    await http.forget();
    this.erasing = null;
    this.ended = 'erased';
    this.refresh();
    // Done when the other tabs of this browser have let go of it.
    Store.remove(session.database).catch((error: unknown) => this.options.onError(error));
  }

  async exportAccount(): Promise<Readonly<Record<string, readonly unknown[]>>> {
    return (await this.open()).api.exportAccount();
  }

  async signIns(): Promise<readonly SignIn[]> {
    const { api } = await this.open();
    return (await api.signIns()).map((wire) => ({
      id: wire.id,
      device: wire.device_name,
      address: wire.address,
      since: new Date(wire.created_at),
      lastUsed: new Date(wire.last_used_at),
      current: wire.current,
      connected: wire.live,
    }));
  }

  async endSignIn(id: string): Promise<void> {
    await (await this.open()).api.endSignIn(id);
  }

  async endOtherSignIns(): Promise<void> {
    await (await this.open()).api.endOtherSignIns();
  }

  async changePassword({ oldPassword, newPassword }: { oldPassword: string | null; newPassword: string }): Promise<void> {
    const old = oldPassword === null ? {} : { old_password: oldPassword };
    await (await this.open()).api.changePassword({ ...old, new_password: newPassword });
  }

  async providers(): Promise<readonly Provider[]> {
    return (await this.open()).api.providers();
  }

  async signInAt(provider: string, returnTo: string): Promise<string> {
    await this.tellSignOut();
    return (await (await this.open()).api.beginSignIn(provider, await this.tripTo(returnTo))).url;
  }

  async linkAt(provider: string, returnTo: string): Promise<string> {
    return (await (await this.open()).api.beginLink(provider, await this.tripTo(returnTo))).url;
  }

  async linkOffer(): Promise<LinkOffer | null> {
    const { api } = await this.open();
    try {
      const { provider, email, by_session: bySession } = await api.linkOffer();
      return { provider, email, bySession };
    } catch (error) {
      if (isProblem(error, 'gone')) {
        return null;
      }
      throw error;
    }
  }

  async acceptLink({ password }: { password: string | null }): Promise<void> {
    await (await this.open()).api.linkIdentity(password === null ? {} : { password });
  }

  async confirmLink(password: string): Promise<void> {
    await this.enterByProvider(await (await this.open()).api.confirmLink(password));
  }

  async declineLink(): Promise<void> {
    await this.enterByProvider(await (await this.open()).api.declineLink());
  }

  async identities(): Promise<readonly Identity[]> {
    const { api } = await this.open();
    return (await api.identities()).map((wire) => ({
      id: wire.id,
      issuer: wire.issuer,
      email: wire.email,
      since: new Date(wire.created_at),
      lastUsed: new Date(wire.last_used_at),
    }));
  }

  async unlink(identity: string): Promise<void> {
    await (await this.open()).api.unlinkIdentity(identity);
  }

  /** Stops everything and keeps the session for the next start. */
  async close(): Promise<void> {
    this.session?.close();
    this.session = null;
    (await this.parts)?.accounts.close();
    this.parts = null;
    this.refresh();
  }

  createRoom(name: string): Promise<RoomSummary> {
    return this.present().createRoom(name);
  }

  joinByCode(code: string): Promise<RoomSummary> {
    return this.present().joinByCode(code.trim().toUpperCase());
  }

  joinByLink(link: string): Promise<RoomSummary> {
    return this.present().joinByLink(link);
  }

  async previewLink(link: string): Promise<InvitePreview> {
    return previewInvite((await this.open()).api, link);
  }

  leave(room: string): Promise<void> {
    return this.present().leave(room);
  }

  createInvite(room: string, options: { expiresIn: number; maxUses: number | null }): Promise<string> {
    return this.present().createInvite(room, options);
  }

  openRoom(room: string): RoomHandle {
    const handle = new Handle(room, (closed) => {
      this.handles.delete(closed);
      this.session?.releaseHandle(closed);
    });
    this.handles.add(handle);
    this.session?.adoptHandle(handle);
    return handle;
  }

  private open(): Promise<{ accounts: AccountStore; http: Http; api: Api }> {
    this.parts ??= this.openParts();
    return this.parts;
  }

  private async openParts(): Promise<{ accounts: AccountStore; http: Http; api: Api }> {
    const { server, cookie, database } = this.options;
    const accounts = await AccountStore.open(database);
    const http = new Http({
      baseUrl: server,
      fetch: this.options.fetch,
      locks: this.locks,
      lockName: `${database}/refresh`,
      refreshStore: cookie ? null : accounts.refreshStore(),
      onSessionEnded: (error) => this.sessionEnded(error),
      isOurs: ({ user }) => this.session === null || this.session.account.id === user.id,
    });
    return { accounts, http, api: new Api(http) };
  }

  /** Somebody has signed out here while the server was out of reach: their session ends before anything else begins. */
  private async tellSignOut(): Promise<void> {
    const { accounts, http, api } = await this.open();
    if (this.session !== null || !(await accounts.unheard())) {
      return;
    }
    try {
      await http.refresh();
      await api.logout();
    } catch (error) {
      if (!isOver(error)) {
        throw error;
      }
    }
    await http.forget();
    await accounts.setUnheard(false);
    if (this.ended === 'unheard') {
      this.ended = null;
      this.refresh();
    }
  }

  /** By the cookie; whoever came back from a provider need not be who was signed in before. */
  private async resume(wire: WireSession, current: SignedIn | null): Promise<void> {
    const { user, device } = wire;
    if (current?.user.id === user.id && current.device === device) {
      await this.begin({ ...current, user });
    } else {
      await this.enterByProvider(wire);
    }
  }

  /** The server has chosen the device among those that `tripTo` has named, or made one. */
  private async enterByProvider(wire: WireSession): Promise<void> {
    const { accounts } = await this.open();
    await this.enter(wire, await accounts.known(wire.user.username));
  }

  private async tripTo(returnTo: string): Promise<{ return_to: string; devices: string[]; device_name?: string }> {
    const { accounts } = await this.open();
    return { return_to: returnTo, devices: await accounts.devices(), ...this.deviceName() };
  }

  /** `known`: what this browser was for the account; for a new one the database is a new one, too. */
  private async enter(wire: WireSession, known: KnownAccount | null): Promise<void> {
    const { http } = await this.open();
    await http.adopt(wire);
    const { user, device } = wire;
    const same = known?.user === user.id && known.device === device;
    const database = same ? known.database : `${this.options.database}/${user.id}/${crypto.randomUUID()}`;
    const session = await this.begin({ user, device, database });
    // So that whoever comes in can make a room at once; without a connection it is done at the next one.
    await session.prepareKeys().catch((error: unknown) => this.options.onError(error));
  }

  private async begin(signedIn: SignedIn): Promise<Session> {
    const { accounts, http, api } = await this.open();
    this.session?.close();
    this.ended = null;
    await accounts.setCurrent(signedIn);
    const session = await Session.open({
      signedIn,
      api,
      locks: this.locks,
      socketUrl: `${this.options.server.replace(/^http/, 'ws')}/ws/`,
      pageOrigin: this.options.server,
      openSocket: this.options.openSocket,
      token: (fresh) => http.accessToken(fresh),
      onSessionEnded: () => this.sessionEnded(null),
      onChange: () => this.refresh(),
      report: (error) => this.options.onError(error),
    });
    this.session = session;
    for (const handle of this.handles) {
      session.adoptHandle(handle);
    }
    this.refresh();
    return session;
  }

  /** `error`: what says so; null when the socket was closed for it. */
  private sessionEnded(error: PorcupineError | null): void {
    if (this.erasing !== null) {
      this.erasing.ended = true;
    } else if (this.session !== null && !this.leaving) {
      this.ending ??= this.endBecause(error)
        .catch((failure: unknown) => this.options.onError(failure))
        .finally(() => {
          this.ending = null;
        });
    }
  }

  private async endBecause(error: PorcupineError | null): Promise<void> {
    const said = whyEnded(error);
    this.ended = said === 'unknown' ? await this.askWhy() : said;
    await this.end();
  }

  /** Why the session is over is told to its refresh token; a server that does not answer now is not waited for. */
  private async askWhy(): Promise<Ended> {
    const { http } = await this.open();
    const asked = http.refresh().then(() => 'unknown' as const, whyEnded);
    return Promise.race([asked, new Promise<Ended>((resolve) => setTimeout(() => resolve('unknown'), patience))]);
  }

  private async end(): Promise<void> {
    const { accounts, http } = await this.open();
    const ended = this.session?.account.id;
    this.session?.close();
    this.session = null;
    // Another tab may have signed in as somebody else meanwhile: that stays.
    if ((await accounts.current())?.user.id === ended) {
      await accounts.setCurrent(null);
      await http.forget();
    }
    this.refresh();
  }

  private refresh(): void {
    const session = this.session;
    this.shown =
      session === null
        ? { ...signedOut, ended: this.ended }
        : { ...signedOut, connection: session.connectionState, account: session.account, rooms: session.summaries };
    this.changes.emit();
  }

  private deviceName(): { device_name?: string } {
    return this.options.deviceName === null ? {} : { device_name: this.options.deviceName };
  }

  private present(): Session {
    if (this.session === null) {
      throw new PorcupineError('unauthenticated', 'not signed in');
    }
    return this.session;
  }
}
