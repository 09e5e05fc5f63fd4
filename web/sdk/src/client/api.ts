/** The REST calls of API.md, one function each, typed. No state, no retries, no decisions. */
import type { Http } from './http.ts';
import type {
  EpochCommit,
  WireDevices,
  WireEntry,
  WireEpochs,
  WireIdentity,
  WireInvite,
  WireLinkOffer,
  WireMember,
  WirePage,
  WireProfile,
  WireProvider,
  WireRoom,
  WireSession,
  WireSignIn,
} from './wire.ts';

interface Results<T> {
  results: T[];
}

const room = (id: string): string => `/api/rooms/${encodeURIComponent(id)}/`;

/** What a sign-in at a provider begins with. */
interface TripStart {
  return_to: string;
  devices: string[];
  device_name?: string;
}

/** Up to 64 MiB, over whatever line. */
const exportPatience = 600_000;

const provider = (name: string): string => `/api/auth/oidc/${encodeURIComponent(name)}/`;

export class Api {
  constructor(private readonly http: Http) {}

  register(input: {
    username: string;
    password: string;
    display_name?: string;
    device_name?: string;
  }): Promise<WireSession> {
    const body = { ...input, ...this.http.sessionFields };
    return this.http.request('POST', '/api/auth/register/', { body, authorized: false });
  }

  login(input: {
    username: string;
    password: string;
    device?: string;
    device_name?: string;
  }): Promise<WireSession> {
    const body = { ...input, ...this.http.sessionFields };
    return this.http.request('POST', '/api/auth/login/', { body, authorized: false });
  }

  logout(): Promise<void> {
    return this.http.request('POST', '/api/auth/logout/');
  }

  profile(): Promise<WireProfile> {
    return this.http.request('GET', '/api/auth/user/');
  }

  changeProfile(body: { display_name?: string; email?: string }): Promise<WireProfile> {
    return this.http.request('PATCH', '/api/auth/user/', { body });
  }

  exportAccount(): Promise<Record<string, unknown[]>> {
    return this.http.request('GET', '/api/auth/export/', { patience: exportPatience });
  }

  eraseAccount(body: { password?: string }): Promise<void> {
    return this.http.request('DELETE', '/api/auth/user/', { body });
  }

  async signIns(): Promise<WireSignIn[]> {
    return (await this.http.request<Results<WireSignIn>>('GET', '/api/auth/sessions/')).results;
  }

  endSignIn(id: string): Promise<void> {
    return this.http.request('DELETE', `/api/auth/sessions/${encodeURIComponent(id)}/`);
  }

  endOtherSignIns(): Promise<void> {
    return this.http.request('DELETE', '/api/auth/sessions/');
  }

  changePassword(body: { old_password?: string; new_password: string }): Promise<void> {
    return this.http.request('POST', '/api/auth/password/', { body, once: true });
  }

  async providers(): Promise<WireProvider[]> {
    return (await this.http.request<Results<WireProvider>>('GET', '/api/auth/oidc/', { authorized: false })).results;
  }

  beginSignIn(name: string, body: TripStart): Promise<{ url: string }> {
    return this.http.request('POST', `${provider(name)}start/`, { body, authorized: false });
  }

  beginLink(name: string, body: TripStart): Promise<{ url: string }> {
    return this.http.request('POST', `${provider(name)}link/`, { body });
  }

  linkOffer(): Promise<WireLinkOffer> {
    return this.http.request('GET', '/api/auth/oidc/link/', { authorized: false });
  }

  confirmLink(password: string): Promise<WireSession> {
    return this.http.request('POST', '/api/auth/oidc/link/', { body: { password }, authorized: false });
  }

  declineLink(): Promise<WireSession> {
    return this.http.request('DELETE', '/api/auth/oidc/link/', { authorized: false });
  }

  async identities(): Promise<WireIdentity[]> {
    return (await this.http.request<Results<WireIdentity>>('GET', '/api/auth/identities/')).results;
  }

  linkIdentity(body: { password?: string }): Promise<void> {
    return this.http.request('POST', '/api/auth/identities/', { body });
  }

  unlinkIdentity(id: string): Promise<void> {
    return this.http.request('DELETE', `/api/auth/identities/${encodeURIComponent(id)}/`);
  }

  async rooms(): Promise<WireRoom[]> {
    return (await this.http.request<Results<WireRoom>>('GET', '/api/rooms/')).results;
  }

  room(id: string): Promise<WireRoom> {
    return this.http.request('GET', room(id));
  }

  createRoom(body: {
    name: string;
    encrypted?: boolean;
    entries?: string[];
    bundles?: { device: string; bundle: string }[];
  }): Promise<WireRoom> {
    return this.http.request('POST', '/api/rooms/', { body, once: true });
  }

  joinRoom(code: string): Promise<WireRoom> {
    return this.http.request('POST', '/api/rooms/join/', { body: { code }, once: true });
  }

  leaveRoom(id: string, body: { index?: number; entry?: string }): Promise<void> {
    return this.http.request('POST', `${room(id)}leave/`, { body, once: true });
  }

  async members(id: string): Promise<WireMember[]> {
    return (await this.http.request<Results<WireMember>>('GET', `${room(id)}members/`)).results;
  }

  createInvite(
    id: string,
    body: {
      expires_in: number;
      max_uses?: number;
      code_hash?: string;
      sealed?: string;
      index?: number;
      entry?: string;
    },
  ): Promise<{ id: string; expires_at: string; max_uses: number | null; code?: string; url?: string }> {
    return this.http.request('POST', `${room(id)}invite/`, { body, once: true });
  }

  invite(hash: string): Promise<WireInvite> {
    return this.http.request('GET', `/api/invites/${encodeURIComponent(hash)}/`);
  }

  messages(
    id: string,
    query: { before?: number; after?: number; stream?: number; limit?: number },
  ): Promise<WirePage> {
    return this.http.request('GET', `/api/chat/rooms/${encodeURIComponent(id)}/messages/`, { query });
  }

  publishDevice(body: {
    keys: string;
    identity: string;
    version: number;
    list: string;
  }): Promise<{ device: string; version: number }> {
    return this.http.request('POST', '/api/devices/', { body, once: true });
  }

  devices(user: string, version?: number): Promise<WireDevices> {
    return this.http.request('GET', `/api/users/${encodeURIComponent(user)}/devices/`, { query: { version } });
  }

  log(id: string, after: number): Promise<{ results: WireEntry[]; length: number }> {
    return this.http.request('GET', `${room(id)}log/`, { query: { after } });
  }

  appendLog(id: string, index: number, entry: string): Promise<{ index: number; seq: number }> {
    return this.http.request('POST', `${room(id)}log/`, { body: { index, entry }, once: true });
  }

  epochs(id: string, after: number): Promise<WireEpochs> {
    return this.http.request('GET', `${room(id)}epochs/`, { query: { after } });
  }

  commitEpoch(id: string, body: EpochCommit): Promise<{ epoch: number; index: number; seq: number }> {
    return this.http.request('POST', `${room(id)}epochs/`, { body, once: true });
  }
}
