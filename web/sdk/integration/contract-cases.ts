/**
 * What each operation of openapi.yaml is allowed to be asked, for the contract test: the example of the description, on a scene of its own, but for what
 * stands here.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { visit } from './atprovider.ts';
import { account, ada, ask, authority, ben, cleo, does, fromPage, logins, password, stranger, type Account } from './contract.ts';
import { operation, type Call, type Json, type Operation } from './description.ts';

/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-argument
   -- a description is read as it comes */

export interface Scene {
  room: string;
  code: string;
  seq: number;
  joined: number;
}

/** A room of Ada's with Ben in it and a message by her, which Cleo can find in the list. */
export async function scene(): Promise<Scene> {
  const room: Json = await does('createRoom', { body: { name: 'Board', encrypted: false } });
  await does('joinRoom', { token: ben.access, body: { code: room.code } });
  await does('changeRoom', { path: { room: room.id }, body: { listed: true } });
  const sent: Json = await does('sendMessage', { path: { room: room.id }, body: { client_id: crypto.randomUUID(), body: 'bWVzc2FnZQ==' } });
  return { room: room.id, code: room.code, seq: sent.seq, joined: room.joined_seq };
}

async function waiting(at: Scene): Promise<void> {
  await does('changeRoom', { path: { room: at.room }, body: { approval: true } });
  await does('requestByCode', { token: cleo.access, body: { code: at.code } });
}

// --- sign-ins at a provider ------------------------------------------------------------------------------

interface Begun {
  url: string;
  /** What the browser keeps meanwhile. */
  cookie: string;
}

export function cookie(headers: Headers, name: string): string {
  return headers.getSetCookie().map((line) => line.split(';')[0] ?? '').find((pair) => pair.startsWith(`${name}=`) && pair.length > name.length + 1) ?? '';
}

export async function begin(body: object = {}, token: string | null = null): Promise<Begun> {
  const id = token === null ? 'beginSignIn' : 'beginLink';
  const { json, headers } = await ask(operation(id), { token, path: { provider: 'corp' }, headers: fromPage, body });
  return { url: json.url, cookie: cookie(headers, 'porcupine_oidc') };
}

/** The browser's way back, when this login has signed in there; without one, it was cancelled. */
export async function back(begun: Begun, login?: string): Promise<Call> {
  const { search } = await visit(begun.url, readFileSync(authority.certificate), login);
  return { token: null, path: { provider: 'corp' }, query: search, headers: { cookie: begun.cookie } };
}

export async function comeBack(call: Call): Promise<{ to: string | null; headers: Headers }> {
  const { headers } = await ask(operation('endSignIn'), call);
  return { to: headers.get('location'), headers };
}

/** Somebody with an identity, and without a password. */
export async function newcomer(): Promise<{ access: string; login: string }> {
  const login = stranger();
  const { headers } = await comeBack(await back(await begin(), login));
  const grant: Json = await does('refresh', { token: null, headers: { ...fromPage, cookie: cookie(headers, 'porcupine_refresh') }, body: {} });
  return { access: grant.access, login };
}

/** A call by the ticket of an identity whose address is the one of an account. */
export async function offered(): Promise<Call> {
  const login = stranger();
  await account('kay', logins[login]?.email);
  return offerTo(login);
}

export async function offerTo(login: string): Promise<Call> {
  const { headers } = await comeBack(await back(await begin(), login));
  return { token: null, headers: { ...fromPage, cookie: cookie(headers, 'porcupine_link') } };
}

/** A call by the ticket of an identity that a session has asked for. */
export async function askedFor(who: Account): Promise<Call> {
  const { headers } = await comeBack(await back(await begin({}, who.access), stranger()));
  return { token: who.access, headers: { ...fromPage, cookie: cookie(headers, 'porcupine_link') } };
}

// --- the calls -------------------------------------------------------------------------------------------

export const firstEpoch = (): object => ({ entries: ['ZW50cnk='], bundles: [{ device: ada.device, bundle: 'YnVuZGxl' }] });
export const sealed = async (): Promise<string> => (await does('createRoom', { body: { name: 'Sealed' } })).id as string;
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
export const invite = (at: Scene): Promise<Json> => does('createInvite', { path: { room: at.room }, body: { max_uses: 2 } });

export const identityOf = async (access: string): Promise<string> => (await does('listIdentities', { token: access })).results[0].id as string;

/** What differs from Ada's call on the scene's room, Ben and her message with the example as its body. */
export const allowed: Record<string, (at: Scene) => Call | Promise<Call>> = {
  register: () => ({ token: null, body: { username: `dora-${crypto.randomUUID().slice(0, 8)}`, password } }),
  login: () => ({ token: null, body: { username: ada.username, password } }),
  refresh: async () => ({ token: null, body: { refresh: (await account('eve')).refresh } }),
  eraseMe: async () => ({ token: (await account('eve')).access, body: { password } }),
  changePassword: async () => ({ token: (await account('eve')).access, body: { old_password: password, new_password: `${password}!` } }),
  logout: async () => ({ token: (await account('eve')).access }),
  endSession: async () => ({ path: { session: (await does('login', { token: null, body: { username: ada.username, password } })).session } }),
  joinRoom: (at) => ({ token: cleo.access, body: { code: at.code } }),
  directRoom: () => ({ body: { user: ben.id, encrypted: false } }),
  requestByCode: async (at) => {
    await does('changeRoom', { path: { room: at.room }, body: { approval: true } });
    return { token: cleo.access, body: { code: at.code, message: 'It is me' } };
  },
  requestListed: async (at) => {
    await does('changeRoom', { path: { room: at.room }, body: { approval: true } });
    return { token: cleo.access };
  },
  withdrawRequest: async (at) => (await waiting(at), { token: cleo.access }),
  approveRequest: async (at) => (await waiting(at), { path: { user: cleo.id } }),
  declineRequest: async (at) => (await waiting(at), { path: { user: cleo.id } }),
  joinListed: () => ({ token: cleo.access }),
  transferRoom: () => ({ body: { user: ben.id } }),
  leaveRoom: () => ({ token: ben.access }),
  banUser: () => ({ body: { user: ben.id, reason: 'advertising', until: '2030-01-02T03:04:05Z' } }),
  unbanUser: async (at) => (await does('banUser', { path: { room: at.room }, body: { user: ben.id } }), {}),
  unmuteMember: async (at) => (
    await does('muteMember', { path: { room: at.room, user: ben.id }, body: { until: '2030-01-02T03:04:05Z' } }), {}
  ),
  readInvite: async (at) => ({ token: cleo.access, path: { hash: sha256((await invite(at)).code) } }),
  readInviteAsMember: async (at) => ({ path: { invite: sha256((await invite(at)).code) } }),
  revokeInvite: async (at) => ({ path: { invite: (await invite(at)).id } }),
  sendMessage: () => ({ body: { client_id: crypto.randomUUID(), epoch: 0, body: 'bWVzc2FnZQ==' } }),
  report: () => ({ token: ben.access }),
  pin: (at) => ({ body: { seq: at.seq } }),
  revokeDevice: async () => {
    const grant: Json = await does('login', { token: null, body: { username: ada.username, password } });
    return { path: { device: grant.device } };
  },
  publishDevice: async () => ({ token: (await account('eve')).access }),
  listDevices: () => ({ path: { user: ada.id } }),
  appendEntry: async () => ({ path: { room: await sealed() } }),
  beginSignIn: () => ({ token: null, headers: fromPage, body: { return_to: '/rooms/7', devices: [ada.device], device_name: 'laptop' } }),
  beginLink: () => ({ headers: fromPage }),
  endSignIn: async () => back(await begin(), stranger()),
  readOffer: () => offered(),
  confirmIdentity: async () => ({ ...(await offered()), body: { password } }),
  declineIdentity: () => offered(),
  listIdentities: async () => ({ token: (await newcomer()).access }),
  linkIdentity: async () => ({ ...(await askedFor(await account('liv'))), body: { password } }),
  unlinkIdentity: async () => {
    const liv = await account('liv');
    await does('linkIdentity', { ...(await askedFor(liv)), body: { password } });
    return { token: liv.access, path: { identity: await identityOf(liv.access) } };
  },
  commitEpoch: async () => ({
    path: { room: await sealed() },
    body: { epoch: 1, index: 0, entries: ['ZW50cnk='], bundles: [{ device: ada.device, bundle: 'YnVuZGxl' }] },
  }),
};

export async function allowedCall(one: Operation): Promise<Call> {
  const at = await scene();
  const own = (await allowed[one.id]?.(at)) ?? {};
  const path = { room: at.room, user: ben.id, seq: at.seq, provider: 'corp', hint: '3031323334353637', hash: sha256(''), ...own.path };
  return { token: one.open ? null : ada.access, ...(one.body ? { body: one.body.example as unknown } : {}), ...own, path };
}

/** What else can be given, beside the one call of `allowed`. */
export const further: [string, (at: Scene) => Call | Promise<Call>][] = [
  [
    'register',
    () => {
      const name = crypto.randomUUID().slice(0, 8);
      const body = { username: name, password, display_name: 'Dora', email: `${name}@example.org`, device_name: 'laptop', cookie: true };
      return { token: null, body };
    },
  ],
  ['login', () => ({ token: null, body: { username: ada.username, password, device: ada.device, device_name: 'laptop', cookie: true } })],
  ['changeProfile', async () => ({ token: (await account('eve')).access, body: { email: `${crypto.randomUUID()}@example.org` } })],
  ['beginLink', () => ({ headers: fromPage, path: { provider: 'corp' }, body: { devices: [ada.device], device_name: 'laptop' } })],
  ['createRoom', () => ({ body: { name: 'Sealed', ...firstEpoch() } })],
  [
    'directRoom',
    async (at) => {
      const eve = await account('eve');
      await does('joinRoom', { token: eve.access, body: { code: at.code } });
      return { body: { user: eve.id, ...firstEpoch() } };
    },
  ],
  ['snapshot', () => ({ query: '?limit=2' })],
  ['listListedRooms', () => ({ query: '?search=board&after=0&limit=2' })],
  ['changeRoom', () => ({ body: { name: 'Bridge', max_members: 9 } })],
  ['listMembers', () => ({ query: '?after=0&limit=2' })],
  ['leaveRoom', async () => ({ path: { room: await sealed() }, body: { index: 0, entry: 'ZW50cnk=' } })],
  [
    'createInvite',
    async () => {
      const code_hash = createHash('sha256').update(crypto.randomUUID()).digest('base64');
      return { path: { room: await sealed() }, body: { code_hash, sealed: 'c2VhbGVk', index: 0, entry: 'ZW50cnk=' } };
    },
  ],
  ['listMessages', () => ({ query: '?before=9&limit=2' })],
  ['listMessages', async (at) => ({ query: `?after=1&stream=${(await does('listMessages', { path: { room: at.room } })).stream as string}&limit=2` })],
  [
    'sendMessage',
    async (at) => {
      const body = { client_id: crypto.randomUUID(), body: 'KzE=', kind: 'reaction', ref: at.seq };
      expect((await ask(operation('sendMessage'), { path: { room: at.room }, body })).status).toBe(201);
      return { body };
    },
  ],
  ['around', () => ({ query: '?limit=2' })],
  ['thread', () => ({ query: '?after=0&limit=2' })],
  ['edits', () => ({ query: '?after=0&limit=2' })],
  ['report', () => ({ token: ben.access, body: { reason: 'untrue', evidence: 'ZXZpZGVuY2U=' } })],
  ['foldedHistory', () => ({ query: '?before=9&limit=2' })],
  ['mentions', () => ({ query: '?after=0&limit=2' })],
  [
    'listDevices',
    async () => {
      const eve = await account('eve');
      await does('publishDevice', { token: eve.access, body: operation('publishDevice').body?.example as unknown });
      return { token: eve.access, path: { user: eve.id }, query: '?version=1' };
    },
  ],
  ['listLog', () => ({ query: '?after=-1' })],
  ['listEpochs', () => ({ query: '?after=-1' })],
  [
    'commitEpoch',
    async () => {
      const room = await sealed();
      await does('joinRoom', { token: ben.access, body: { code: (await does('getRoom', { path: { room } })).code } });
      return { path: { room }, body: { epoch: 1, index: 0, entries: ['ZW50cnk='], bundles: [], remove: [ben.id] } };
    },
  ],
];

/** A call of a table, on a scene of its own. */
export async function callOf(one: Operation, make: (at: Scene) => Call | Promise<Call>): Promise<Call> {
  const at = await scene();
  const own = await make(at);
  const path = { room: at.room, user: ben.id, seq: at.seq, hint: '3031323334353637', ...own.path };
  return { ...(one.body ? { body: one.body.example as unknown } : {}), ...own, path };
}
