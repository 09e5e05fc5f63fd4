/**
 * openapi.yaml against a server, both ways: every route is described and every description is a route; what a description allows is done,
 * and what it forbids is refused; and whatever is answered is what it says, down to the last member. In the end no answer, property or parameter that it
 * names is without a case.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Stack } from '../../e2e/support/stack.ts';
import {
  allowedCall,
  askedFor,
  back,
  begin,
  callOf,
  comeBack,
  cookie,
  further,
  identityOf,
  invite,
  newcomer,
  offered,
  offerTo,
  scene,
  sealed,
  sha256,
  type Scene,
} from './contract-cases.ts';
import {
  account,
  ada,
  ask,
  ben,
  came,
  checkProblem,
  cleo,
  does,
  env,
  forged,
  fromPage,
  limits,
  logins,
  metrics,
  password,
  provider,
  refusedFor,
  sendAt,
  setUp,
  sql,
  stack,
  stranger,
  takenWith,
  tearDown,
  type Account,
} from './contract.ts';
import {
  api,
  document,
  forbiddenMembers,
  forbiddenTexts,
  malformed,
  operation,
  operations,
  pointer,
  resolve,
  statuses,
  validator,
  type Call,
  type Json,
  type Operation,
} from './description.ts';

/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-argument,
   @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-call
   -- a description is read as it comes */

beforeAll(setUp);
afterAll(tearDown);

/** Its ETag is tested by itself: it is the page's. */
const atPlace = new Set(['openapi']);

// --- the tests ------------------------------------------------------------------------------------------------

test('every route is described, and every description is a route', async () => {
  const text = await (await fetch(`http://${metrics}/metrics`)).text();
  const routes = new Set([...text.matchAll(/route="([A-Z]+ [^"]+)"/g)].map((found) => found[1]));
  expect([...routes].sort()).toEqual(operations.map((one) => `${one.method} ${one.path}`).sort());
});

test('API.md names each of them', () => {
  const text = api.replaceAll('`', '');
  const missing = operations.filter(({ path }) => {
    const words = path.split('/').filter((word) => word !== '' && !word.startsWith('{'));
    return !text.includes(words.at(-1) ?? '');
  });
  expect(missing).toEqual([]);
});

test('the description is served, and kept by its ETag', async () => {
  const served = await fetch(`${stack.origin}/api/openapi.json`);
  expect(await served.json()).toEqual(document);
  const tag = served.headers.get('etag') ?? '';
  expect(served.headers.get('cache-control')).toBe('no-cache');
  expect((await fetch(`${stack.origin}/api/openapi.json`, { headers: { 'if-none-match': tag } })).status).toBe(304);
});

/** A test of the operations that have what it is about; it is not declared for the others, so that none counts as skipped. */
function testWhere(concerned: boolean, name: string, run: () => Promise<void>): void {
  if (concerned) test(name, run);
}

describe.each(operations.map((one) => [one.id, one] as const))('%s', (id, one) => {
  test('does what is allowed', async () => {
    if (id === 'openapi') return;
    const { status } = await ask(one, await allowedCall(one));
    expect(status).toBe(Number(Object.keys(one.responses).filter((code) => code < '304').at(-1)));
  });

  testWhere(!one.open, 'is nobody’s without a token that counts', async () => {
    const call = await allowedCall(one);
    const over = await account('eve');
    await does('logout', { token: over.access });
    for (const token of [null, 'x', `${ada.access}x`, over.access, await forged(ada, -1)]) expect((await ask(one, { ...call, token })).status).toBe(401);
  });

  testWhere(one.params.some((param) => param.in === 'path'), 'is about nothing that is not there', async () => {
    const call = await allowedCall(one);
    for (const { name, schema } of one.params.filter((param) => param.in === 'path')) {
      const isId = resolve(schema) === document.components.schemas.Id;
      for (const wrong of isId ? ['nobody', '0', '-1', '999999999'] : ['x', '-1', 'z'.repeat(30)]) {
        const { status } = await ask(one, { ...call, path: { ...call.path, [name]: wrong } });
        if (status >= 400) refusedFor.add(`${one.id} ${name}`);
        expect(isId ? [400, 403, 404, 204] : name === 'provider' ? [404] : [400], `${name} ${wrong}`).toContain(status);
      }
    }
  });

  testWhere(one.path.includes('{room}') && !/join|request/i.test(id), 'is for members', async () => {
    const stranger = await account('eve');
    expect([403, 404]).toContain((await ask(one, { ...(await allowedCall(one)), token: stranger.access })).status);
  });

  testWhere(one.params.some((param) => param.in === 'query'), 'takes no parameter that is none', async () => {
    const call = await allowedCall(one);
    for (const { name, schema } of one.params.filter((param) => param.in === 'query')) {
      for (const wrong of forbiddenTexts(schema)) {
        expect([400, 413], `${name}=${wrong}`).toContain((await ask(one, { ...call, query: `?${name}=${wrong}` })).status);
        refusedFor.add(`${one.id} ${name}`);
      }
    }
  });

  testWhere(one.body !== undefined, 'takes no body that is none', async () => {
    const call = await allowedCall(one);
    for (const [name, body] of forbiddenMembers(resolve(one.body?.schema), call.body as object)) {
      expect([400, 413], JSON.stringify(body).slice(0, 200)).toContain((await ask(one, { ...call, body })).status);
      refusedFor.add(`${one.id} ${name}`);
    }
  });

  testWhere(one.body !== undefined || one.method === 'POST', 'takes no body that is malformed', async () => {
    const call = await allowedCall(one);
    for (const [status, bodies] of Object.entries(malformed(call.body))) {
      for (const wrong of bodies) expect((await ask(one, { ...call, ...wrong })).status, wrong.bytes?.slice(0, 100)).toBe(Number(status));
    }
    if ('411' in one.responses) expect((await ask(one, { ...call, body: undefined, lengthless: true })).status).toBe(411);
  });

  test('refuses a page from elsewhere, and a body that is malformed though nobody needs one', async () => {
    const call = await allowedCall(one);
    const strange = await sendAt(one, { ...call, headers: { ...call.headers, origin: 'https://elsewhere.test' } });
    if (one.path.startsWith('/api/') || one.path.startsWith('/.well-known/')) expect([strange.status, JSON.parse(strange.text).code]).toEqual([403, 'role']);
    for (const [status, bodies] of Object.entries(malformed(call.body))) {
      const answer = await sendAt(one, { ...call, ...bodies[0] });
      const json: Json = JSON.parse(answer.text);
      expect(answer.status, answer.text).toBe(Number(status));
      expect(validator.validate(pointer('components', 'schemas', 'Problem'), json), answer.text).toBe(true);
      checkProblem(answer, json, `${one.id} ${answer.text}`);
    }
  });

  test('leaves aside what it does not know', async () => {
    if (id === 'openapi') return;
    const call = await allowedCall(one);
    const body = one.body === undefined ? {} : { body: { ...(call.body as object), unknown: ['x'] } };
    expect((await ask(one, { ...call, ...body, query: `${call.query ?? '?'}&unknown=x` })).status).toBeLessThan(304);
  });

  testWhere(one.method === 'GET' && !atPlace.has(id), 'has an ETag where there is a 304, and only there', async () => {
    const call = await allowedCall(one);
    const tag = (await ask(one, call)).headers.get('etag');
    expect(tag !== null).toBe('304' in one.responses);
    if (tag === null) return;
    expect((await ask(one, { ...call, headers: { 'if-none-match': tag } })).status).toBe(304);
    expect((await ask(one, { ...call, headers: { 'if-none-match': `"x", W/${tag}` } })).status).toBe(304);
    expect((await ask(one, { ...call, headers: { 'if-none-match': '"x"' } })).status).toBe(200);
  });

  testWhere(one.method === 'POST', 'is done once for an Idempotency-Key where it takes one, and only there', async () => {
    const call = await allowedCall(one);
    const keyed = (key: string, further: Call = {}): Promise<{ status: number; json: Json }> =>
      ask(one, { ...call, ...further, headers: { ...call.headers, 'idempotency-key': key } });
    if (!one.params.some((param) => param.name === 'Idempotency-Key')) {
      expect('422' in one.responses).toBe(false);
      expect((await keyed('short')).status).toBeLessThan(300);
      return;
    }
    for (const wrong of ['short', 'x'.repeat(129), 'with blanks in it, and']) expect((await keyed(wrong)).json.code).toBe('invalid');
    refusedFor.add(`${one.id} Idempotency-Key`);
    const key = crypto.randomUUID();
    const first = await keyed(key);
    expect(first.status).toBeLessThan(300);
    const again = await keyed(key);
    expect([again.status, again.json]).toEqual([first.status, first.json]);
    const other = await keyed(key, { body: { ...(call.body as object | undefined), unknown: 1 } });
    expect([other.status, other.json.code]).toEqual([422, 'key_reused']);
  });
});

test('whether a token has expired is all that differs', async () => {
  await does('whoami', { token: await forged(ada, 60) });
  expect((await ask(operation('whoami'), { token: await forged(ada, -1) })).json.code).toBe('unauthenticated');
});

test('what is somebody else’s, or another room’s, is not there', async () => {
  const at = await scene();
  const other = await scene();
  const elsewhere = { ...at, room: (await does('createRoom', { body: { name: 'Elsewhere', encrypted: false } })).id as string };
  const foreign: [string, Call][] = [
    ['endSession', { path: { session: (await does('login', { token: null, body: { username: ben.username, password } })).session } }],
    ['revokeDevice', { path: { device: ben.device } }],
    ['revokeInvite', { path: { room: at.room, invite: (await invite(other)).id } }],
    ['readInviteAsMember', { path: { room: at.room, invite: sha256((await invite(other)).code) } }],
    ['redact', { token: ben.access, path: { room: at.room, seq: at.seq } }],
    ['redact', { path: { room: elsewhere.room, seq: 999 } }],
  ];
  for (const [id, call] of foreign) expect([403, 404], id).toContain((await ask(operation(id), call)).status);
});

describe('a sign-in at a provider', () => {
  const refused = async (id: string, call: Call, status: number, code: string): Promise<void> => {
    const answer = await ask(operation(id), { token: null, path: { provider: 'corp' }, ...call });
    expect([answer.status, answer.json.code], `${id} ${JSON.stringify(call)}`).toEqual([status, code]);
  };
  const elsewhere = { 'x-porcupine': '1', origin: 'https://elsewhere.test' };

  test('is listed with the others', async () => {
    const { results } = await does('listProviders', { token: null });
    expect(results[0]).toEqual({ name: 'corp', label: 'Corp & Sons', issuer: provider.issuer });
    expect(results.map(({ name }: Json) => name)).toEqual(['corp', 'away']);
  });

  test('begins at the page, and leads back to a path of it', async () => {
    for (const id of ['beginSignIn', 'beginLink']) {
      const token = id === 'beginLink' ? ada.access : null;
      await refused(id, { token, headers: fromPage, path: { provider: 'nobody' } }, 404, 'not_found');
      await refused(id, { token, headers: fromPage, path: { provider: 'away' } }, 503, 'busy');
      await refused(id, { token, headers: elsewhere }, 403, 'role');
      await refused(id, { token, headers: { origin: stack.origin } }, 403, 'invalid');
      await refused(id, { token, headers: { 'x-porcupine': '1' } }, 403, 'invalid');
      for (const return_to of ['', 'rooms', '//elsewhere.test', '/\\elsewhere.test', 'https://elsewhere.test/', '/a b', '/\r\nX: 1']) {
        await refused(id, { token, headers: fromPage, body: { return_to } }, 400, 'invalid');
      }
      await refused(id, { token, headers: fromPage, body: { return_to: `/${'x'.repeat(512)}` } }, 413, 'too_large');
    }
    await refused('beginLink', { headers: fromPage }, 401, 'unauthenticated');
  });

  test('ends with a session, an offer, or a word on why not', async () => {
    const ends = async (call: Call, to: string): Promise<Headers> => {
      const end = await comeBack(call);
      expect(end.to).toBe(to);
      if (/sign-in=(?!link)/.test(to)) expect(cookie(end.headers, 'porcupine_refresh') + cookie(end.headers, 'porcupine_link')).toBe('');
      return end.headers;
    };
    const without = (call: Call, name: string): Call => ({ ...call, query: (call.query ?? '').replace(new RegExp(`([?&])${name}=[^&]*&?`), '$1') });

    const good = await back(await begin({ return_to: '/rooms/7?x=1#here' }), stranger());
    await refused('endSignIn', { ...good, path: { provider: 'nobody' } }, 404, 'not_found');
    await ends({ ...good, headers: {} }, '/?sign-in=expired');
    await ends({ ...good, headers: { cookie: (await begin()).cookie } }, '/?sign-in=expired');
    await ends({ ...good, headers: { cookie: 'porcupine_oidc=x' } }, '/?sign-in=expired');
    await ends({ ...good, query: good.query?.replace('state=', 'state=x') ?? '' }, '/?sign-in=expired');
    await ends(without(good, 'state'), '/?sign-in=expired');
    expect(cookie(await ends(good, '/rooms/7?x=1#here'), 'porcupine_refresh')).not.toBe('');
    await ends(good, '/?sign-in=expired');

    await ends({ ...(await back(await begin(), stranger())), path: { provider: 'away' } }, '/?sign-in=expired');
    const late = await back(await begin(), stranger());
    await sql(`UPDATE porcupine.sign_ins SET expires_at = now() - interval '1 second'`);
    await ends(late, '/?sign-in=expired');
    await ends(await back(await begin({ return_to: '/rooms/7?x=1' })), '/rooms/7?x=1&sign-in=cancelled');
    await ends(without(await back(await begin(), stranger()), 'code'), '/?sign-in=refused');
    await ends(without(await back(await begin(), stranger()), 'iss'), '/?sign-in=refused');
    const other = await back(await begin(), stranger());
    await ends({ ...other, query: other.query?.replace(/code=[^&]*/, 'error=server_error') ?? '' }, '/?sign-in=refused');

    const { login } = await newcomer();
    await ends(await back(await begin({}, ada.access), login), '/?sign-in=refused');
    await account('kay', logins['login-0']?.email);
    expect(cookie(await ends(await back(await begin(), 'login-0'), '/?sign-in=link'), 'porcupine_link')).not.toBe('');
  });

  test('is linked by whoever holds its ticket, and proves whose the account is', async () => {
    const offer = await offered();
    expect(await does('readOffer', offer)).toEqual({ provider: 'corp', email: expect.stringMatching(/@example\.org$/), by_session: false });
    expect(await does('readOffer', { ...offer, headers: { cookie: offer.headers?.cookie ?? '', 'x-porcupine': '1', 'sec-fetch-site': 'same-origin' } })).toBeTruthy();
    for (const id of ['readOffer', 'confirmIdentity', 'declineIdentity', 'linkIdentity']) {
      const token = id === 'linkIdentity' ? ada.access : null;
      const call: Call = { ...offer, token, ...(id === 'confirmIdentity' ? { body: { password } } : {}) };
      const ticket = { cookie: offer.headers?.cookie ?? '' };
      await refused(id, { ...call, headers: { ...ticket, ...elsewhere } }, 403, 'role');
      await refused(id, { ...call, headers: { ...ticket, origin: stack.origin } }, 403, 'invalid');
      await refused(id, { ...call, headers: { ...ticket, 'x-porcupine': '1' } }, 403, 'invalid');
      await refused(id, { ...call, headers: { ...ticket, 'x-porcupine': '1', 'sec-fetch-site': 'cross-site' } }, 403, 'invalid');
      await refused(id, { ...call, headers: fromPage }, 410, 'gone');
      await refused(id, { ...call, headers: { ...fromPage, cookie: 'porcupine_link=x' } }, 410, 'gone');
    }
    await refused('linkIdentity', { ...offer, token: null }, 401, 'unauthenticated');
    await refused('linkIdentity', { ...offer, token: ada.access }, 410, 'gone');
    await refused('confirmIdentity', { ...offer, body: { password: 'guessed' } }, 401, 'bad_credentials');
    await does('confirmIdentity', { ...offer, body: { password } });
    for (const id of ['confirmIdentity', 'declineIdentity', 'readOffer']) {
      await refused(id, { ...offer, ...(id === 'confirmIdentity' ? { body: { password } } : {}) }, 410, 'gone');
    }
    const late = await offered();
    await sql(`UPDATE porcupine.identity_offers SET expires_at = now() - interval '1 second'`);
    await refused('readOffer', late, 410, 'gone');
    await refused('declineIdentity', late, 410, 'gone');
  });

  test('gives a session’s account an identity, which is nobody else’s to take away', async () => {
    const liv = await account('liv');
    const asked = await askedFor(liv);
    expect((await does('readOffer', { ...asked, token: null })).by_session).toBe(true);
    await refused('confirmIdentity', { ...asked, token: null, body: { password } }, 410, 'gone');
    await refused('declineIdentity', { ...asked, token: null }, 410, 'gone');
    await refused('linkIdentity', { ...asked, token: ben.access, body: { password } }, 410, 'gone');
    await refused('linkIdentity', asked, 401, 'bad_credentials');
    await refused('linkIdentity', { ...asked, body: { password: 'guessed' } }, 401, 'bad_credentials');
    await does('linkIdentity', { ...asked, body: { password } });
    await refused('linkIdentity', { ...asked, body: { password } }, 410, 'gone');
    const identity = await identityOf(liv.access);
    await refused('unlinkIdentity', { token: ben.access, path: { identity } }, 404, 'not_found');
    await refused('unlinkIdentity', { token: null, path: { identity } }, 401, 'unauthenticated');
    await does('unlinkIdentity', { token: liv.access, path: { identity } });
    await refused('unlinkIdentity', { token: liv.access, path: { identity } }, 404, 'not_found');
    const { access } = await newcomer();
    await refused('unlinkIdentity', { token: access, path: { identity: await identityOf(access) } }, 409, 'conflict');
  });

  test('whose identity another account has got meanwhile is not linked', async () => {
    const [ann, bea] = await Promise.all([account('ann'), account('bea')]);
    const login = stranger();
    const ticket = async (who: Account): Promise<Call> => {
      const { headers } = await comeBack(await back(await begin({}, who.access), login));
      return { token: who.access, headers: { ...fromPage, cookie: cookie(headers, 'porcupine_link') }, body: { password } };
    };
    const [first, second] = [await ticket(ann), await ticket(bea)];
    await does('linkIdentity', first);
    await refused('linkIdentity', second, 409, 'conflict');
  });
});

test.each(further)('%s does what else is allowed', async (id, make) => {
  expect((await ask(operation(id), await callOf(operation(id), make))).status).toBeLessThan(300);
});

describe('each refusal that the description names comes', () => {
  const nobody = '999999999';
  const nowhere = (at: Scene): Call => ({ path: { room: at.room, seq: 999 } });
  const redacted = async (at: Scene): Promise<Call> => (await does('redact', { path: { room: at.room, seq: at.seq } }), { path: { room: at.room, seq: at.seq } });
  const barred = async (at: Scene): Promise<void> => {
    await does('joinRoom', { token: cleo.access, body: { code: at.code } });
    await does('banUser', { path: { room: at.room }, body: { user: cleo.id } });
  };
  /** Two of the same identity's, of which one has been settled. */
  const second = async (): Promise<Call> => {
    const login = stranger();
    await account('kay', logins[login]?.email);
    const [one, other] = [await offerTo(login), await offerTo(login)];
    await does('declineIdentity', one);
    return other;
  };
  const cases: [string, string, (at: Scene) => Call | Promise<Call>][] = [
    ['login', 'not_found', () => ({ token: null, body: { username: ada.username, password, device: ben.device } })],
    ['changeProfile', 'conflict', async () => {
      await account('kay', 'taken@example.org');
      return { body: { email: 'taken@example.org' } };
    }],
    ['confirmIdentity', 'conflict', async () => ({ ...(await second()), body: { password } })],
    ['declineIdentity', 'conflict', second],
    ['refresh', 'invalid', () => ({ token: null, headers: { cookie: 'porcupine_refresh=x', origin: stack.origin }, body: {} })],
    ['directRoom', 'not_found', async () => ({ body: { user: (await account('eve')).id } })],
    ['requestByCode', 'not_found', () => ({ body: { code: 'ZZZZZZ' } })],
    ['requestByCode', 'conflict', (at) => ({ token: cleo.access, body: { code: at.code } })],
    ['requestByCode', 'banned', async (at) => {
      await barred(at);
      return { token: cleo.access, body: { code: (await does('getRoom', { path: { room: at.room } })).code } };
    }],
    ['requestListed', 'banned', async (at) => (await barred(at), { token: cleo.access })],
    ['joinListed', 'banned', async (at) => (await barred(at), { token: cleo.access })],
    ['readInvite', 'banned', async (at) => (await barred(at), { token: cleo.access, path: { hash: sha256((await invite(at)).code) } })],
    ['readInvite', 'gone', async (at) => ({ token: cleo.access, path: { hash: sha256((await over(at)).code) } })],
    ['readInviteAsMember', 'gone', async (at) => ({ path: { room: at.room, invite: sha256((await over(at)).code) } })],
    ['transferRoom', 'not_found', () => ({ body: { user: cleo.id } })],
    ['banUser', 'not_found', () => ({ body: { user: nobody } })],
    ['leaveRoom', 'conflict', async () => ({ path: { room: await sealed() }, body: { index: 7, entry: 'ZW50cnk=' } })],
    ['createInvite', 'conflict', async () => ({ path: { room: await sealed() }, body: { index: 7, entry: 'ZW50cnk=' } })],
    ['sendMessage', 'gone', async (at) => ({ ...(await redacted(at)), body: { client_id: crypto.randomUUID(), body: 'ZWRpdA==', kind: 'edit', ref: at.seq } })],
    ['addHints', 'not_found', nowhere],
    ['addHints', 'gone', redacted],
    ['report', 'not_found', (at) => ({ ...nowhere(at), token: ben.access })],
    ['pin', 'not_found', () => ({ body: { seq: 999 } })],
    ['pin', 'gone', async (at) => (await redacted(at), { body: { seq: at.seq } })],
    ['publishDevice', 'conflict', async () => ({ token: (await account('eve')).access, body: { ...(operation('publishDevice').body?.example as object), version: 7 } })],
    ['commitEpoch', 'not_found', async () => ({
      path: { room: await sealed() },
      body: { epoch: 1, index: 0, entries: ['ZW50cnk='], bundles: [], remove: [nobody] },
    })],
    ['commitEpoch', 'conflict', async () => ({ path: { room: await sealed() }, body: { epoch: 7, index: 0, entries: ['ZW50cnk='], bundles: [] } })],
    ['appendEntry', 'conflict', async () => ({ path: { room: await sealed() }, body: { index: 7, entry: 'ZW50cnk=' } })],
  ];
  const over = async (at: Scene): Promise<Json> => {
    const made = await invite(at);
    await does('revokeInvite', { path: { room: at.room, invite: made.id } });
    return made;
  };

  test.each(cases)('%s: %s', async (id, code, make) => {
    expect((await ask(operation(id), await callOf(operation(id), make))).json?.code).toBe(code);
  });

  const closed = [
    ...['changeRoom', 'joinListed', 'transferRoom', 'rotateCode', 'disableCode', 'allowSystem', 'disallowSystem', 'setRetention', 'clearRetention'],
    ...['setRole', 'muteMember', 'unmuteMember', 'requestListed', 'approveRequest', 'createInvite'],
    ...['sendMessage', 'addHints', 'pin', 'unpin', 'appendEntry', 'commitEpoch'],
  ];
  test.each(closed)('%s: archived', async (id) => {
    const call = await allowedCall(operation(id));
    await does('archiveRoom', { path: { room: call.path?.room ?? '' } });
    expect((await ask(operation(id), call)).json.code).toBe('archived');
  });

  test('where there is more than one may have: quota', async () => {
    const at = await scene();
    const { seq } = await does('sendMessage', { path: { room: at.room }, body: { client_id: crypto.randomUUID(), body: 'bW9yZQ==' } });
    await does('report', { token: ben.access, path: { room: at.room, seq: at.seq }, body: { reason: 'untrue' } });
    const eve = await account('eve');
    await does('joinRoom', { token: eve.access, body: { code: at.code } });
    const calls: [string, string, Call][] = [
      ['max_sessions', 'login', { token: null, body: { username: ada.username, password } }],
      ['max_memberships', 'directRoom', { body: { user: eve.id, encrypted: false } }],
      ['max_reports', 'report', { token: ben.access, path: { room: at.room, seq }, body: { reason: 'untrue' } }],
    ];
    for (const [setting, id, call] of calls) {
      await sql(`ALTER SYSTEM SET porcupine.${setting} = 1`);
      await sql('SELECT pg_reload_conf()');
      await expect.poll(async () => (await ask(operation(id), call)).json.code, { timeout: 20_000 }).toBe('quota');
      await sql(`ALTER SYSTEM RESET porcupine.${setting}`);
    }
    await sql('SELECT pg_reload_conf()');
    await expect.poll(async () => (await ask(operation('login'), calls[0]?.[2] ?? {})).status, { timeout: 20_000 }).toBe(200);
  });
});

test('each condition is met, with its status and words', async () => {
  const at = await scene();
  const room = { room: at.room };
  const message = (more: object = {}): Json => ({ client_id: crypto.randomUUID(), body: 'bWVzc2FnZQ==', ...more });
  const refused = async (code: string, id: string, call: Call): Promise<void> => {
    const { json } = await ask(operation(id), call);
    expect([id, json?.code]).toEqual([id, code]);
    met.add(code);
  };
  const met = new Set<string>(['internal', 'busy', 'rate_limited']);
  const over = await account('eve');
  await does('logout', { token: over.access });
  await refused('session_ended', 'refresh', { token: null, body: { refresh: over.refresh } });
  await refused('unauthenticated', 'whoami', { token: null });
  await refused('bad_credentials', 'login', { token: null, body: { username: ada.username, password: 'guessed' } });
  await refused('invalid', 'createRoom', { body: {} });
  await refused('too_large', 'createRoom', { body: { name: 'x'.repeat(101) } });
  await refused('not_member', 'getRoom', { token: cleo.access, path: room });
  await refused('role', 'deleteRoom', { token: ben.access, path: room });
  await refused('not_found', 'joinRoom', { token: cleo.access, body: { code: 'ZZZZZZ' } });
  await refused('conflict', 'register', { token: null, body: { username: ada.username, password } });
  await refused('stale_epoch', 'sendMessage', { path: room, body: message({ epoch: 7 }) });
  const said = message();
  await does('sendMessage', { path: room, body: said });
  await refused('duplicate_mismatch', 'sendMessage', { path: room, body: { ...said, body: 'YW5vdGhlcg==' } });
  const key = { 'idempotency-key': crypto.randomUUID() };
  await ask(operation('createRoom'), { body: { name: 'x', encrypted: false }, headers: key });
  await refused('key_reused', 'createRoom', { body: { name: 'y', encrypted: false }, headers: key });
  const used: Json = await does('createInvite', { path: room, body: { max_uses: 1 } });
  const [dan, eve] = await Promise.all([account('dan'), account('eve')]);
  await does('joinRoom', { token: dan.access, body: { code: used.code } });
  await refused('gone', 'joinRoom', { token: eve.access, body: { code: used.code } });
  await does('changeRoom', { path: room, body: { max_members: 3 } });
  await refused('room_full', 'joinRoom', { token: eve.access, body: { code: at.code } });
  await does('muteMember', { path: { ...room, user: dan.id }, body: { until: '2030-01-02T03:04:05Z' } });
  await refused('muted', 'sendMessage', { token: dan.access, path: room, body: message() });
  await does('banUser', { path: room, body: { user: dan.id } });
  const { code } = await does('getRoom', { path: room });
  await refused('banned', 'joinRoom', { token: dan.access, body: { code } });
  await does('archiveRoom', { path: room });
  await refused('archived', 'sendMessage', { path: room, body: message() });
  const closed: Json = await does('createRoom', { body: { name: 'Sealed' } });
  await sql(`UPDATE porcupine.room_heads SET epoch_open = false WHERE room_id = ${closed.id as string}`);
  await refused('epoch_closed', 'sendMessage', { path: { room: closed.id }, body: message() });
  await sql('ALTER SYSTEM SET porcupine.max_rooms = 0');
  await sql('SELECT pg_reload_conf()');
  await expect.poll(async () => (await ask(operation('createRoom'), { token: ben.access, body: { name: 'x', encrypted: false } })).json.code, { timeout: 20_000 }).toBe('quota');
  met.add('quota');
  await sql('ALTER SYSTEM RESET porcupine.max_rooms');
  await sql('SELECT pg_reload_conf()');
  expect([...met].sort()).toEqual([...statuses.keys()].sort());
});

test('a send is refused in the words of SQL', async () => {
  const at = await scene();
  const archived = await scene();
  await does('archiveRoom', { path: { room: archived.room } });
  const sends: [Account, string, number][] = [
    [ada, at.room, 7],
    [cleo, at.room, 0],
    [ada, archived.room, 0],
  ];
  for (const [who, room, epoch] of sends) {
    const words = await sql(`SELECT porcupine.act_as(${who.id}); DO $$ DECLARE detail text; hint text; BEGIN
      PERFORM porcupine.send(${room}, gen_random_uuid(), 'x', ${epoch});
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS detail = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
      PERFORM set_config('contract.words', json_build_array(detail, hint)::text, false);
    END $$; SELECT current_setting('contract.words')`);
    const { json } = await ask(operation('sendMessage'), { token: who.access, path: { room }, body: { client_id: crypto.randomUUID(), epoch, body: 'eA==' } });
    expect([json.detail, json.hint ?? '']).toEqual(JSON.parse(words.split('\n').at(-1) ?? ''));
  }
});

test('a limit tells what is left, and a refusal when there is more', async () => {
  const eve = await account('eve');
  const preview = (): Promise<{ status: number; json: Json; headers: Headers }> =>
    ask(operation('readInvite'), { token: eve.access, path: { hash: sha256('none') } });
  const left = (headers: Headers): number => Number(/^"preview";r=(\d+);/.exec(headers.get('ratelimit') ?? '')?.[1]);
  let answer = await preview();
  expect(answer.headers.get('ratelimit-policy')).toBe('"preview";q=40;w=600');
  for (let n = left(answer.headers); n > 0; n--) answer = await preview();
  expect([answer.status, left(answer.headers)]).toEqual([404, 0]);
  const refusal = await preview();
  expect([refusal.status, refusal.json.code, left(refusal.headers)]).toEqual([429, 'rate_limited', 0]);
  expect(refusal.json.retry_after).toBeGreaterThan(0);
});

test('API.md names what users may call in SQL and by no call, and nothing else', async () => {
  const granted = await sql(`SELECT DISTINCT proname FROM pg_proc
    WHERE pronamespace = 'porcupine'::regnamespace AND has_function_privilege('porcupine_client', oid, 'EXECUTE')`);
  const called = new Set(Object.values<Json>(document.paths).flatMap((item) => Object.values<Json>(item).flatMap((one) => one['x-function'] ?? [])));
  const table = /### What stays SQL\n([^#]*?)\n\nWhat applications/.exec(api)?.[1] ?? '';
  const named = [...table.matchAll(/^\| (`.*?) \|/gm)].flatMap((row) => [...(row[1] ?? '').matchAll(/`(\w+)`/g)].map((name) => name[1]));
  expect(named.sort()).toEqual(granted.split('\n').filter((name) => !called.has(name)).sort());
});

describe('what each call may be answered in hard times', () => {
  const everyCall = async (): Promise<[Operation, Call][]> => {
    const calls: [Operation, Call][] = [];
    for (const one of operations) calls.push([one, await allowedCall(one)]);
    return calls;
  };
  const untouched = async (one: Operation, call: Call, but: string): Promise<void> => {
    const { status, headers } = await ask(one, call);
    expect(status, one.id).toBeLessThan(400);
    if (one.id === 'endSignIn') expect(headers.get('location')).toBe(`/?sign-in=${but}`);
  };

  test('too often, of an address: 429', async () => {
    const calls = await everyCall();
    const strict = await Stack.prepare('sdk-contract', { port: stack.port, env: { ...env, PORCUPINE_LIMITS: `${limits},requests=300/1h` } });
    await strict.verb('stop-bridge');
    await strict.verb('start-bridge');
    for (let n = 0; n < 400 && (await ask(operation('livez'), { token: null })).status === 200; n++);
    for (const [one, call] of calls) expect((await ask(one, call)).status, one.id).toBe(429);
    await stack.verb('stop-bridge');
    await stack.verb('start-bridge');
  });

  test('the database is away: 503', async () => {
    const calls = await everyCall();
    await stack.killPostgres();
    try {
      await expect.poll(async () => (await ask(operation('readyz'), { token: null })).status).toBe(503);
      for (const [one, call] of calls) {
        if ('503' in one.responses) expect((await ask(one, call)).json.code, one.id).toBe('busy');
        else await untouched(one, call, 'unreachable');
      }
    } finally {
      await stack.startPostgres();
    }
    await expect.poll(async () => (await ask(operation('readyz'), { token: null })).status, { timeout: 30_000 }).toBe(200);
  });

  test('a defect: 500, without a word of what it is', async () => {
    const calls = await everyCall();
    await sql('REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA porcupine FROM porcupine_bridge, porcupine_client');
    for (const [one, call] of calls) {
      if ('500' in one.responses) expect(await ask(one, call), one.id).toMatchObject({ status: 500, json: { code: 'internal' } });
      else await untouched(one, call, 'expired');
    }
  });
});

describe('no word of the description is without a case', () => {
  const missing = (all: string[], seen: Set<string>, but: Record<string, string> = {}): string[] => [
    ...all.filter((word) => !seen.has(word) && !(word in but)),
    ...Object.keys(but).filter((word) => !all.includes(word) || seen.has(word)).map((word) => `${word}: no exception any more`),
  ];
  const properties = (one: Operation): string[] => Object.keys((resolve(one.body?.schema)?.properties as object | undefined) ?? {});
  const params = (one: Operation, opaque = true): string[] =>
    one.params.filter((param) => opaque || param.in !== 'query' || resolve(param.schema) !== document.components.schemas.Id).map((param) => param.name);

  test('of the answers', () => {
    const all = operations.flatMap((one) => Object.keys(one.responses).map((status) => `${one.id} ${status}`));
    expect(missing(all, came, { 'exportMe 413': 'somebody about whom there are 64 MiB' })).toEqual([]);
  });

  test('of what is refused for its form', () => {
    expect(missing(operations.flatMap((one) => [...properties(one), ...params(one, false)].map((name) => `${one.id} ${name}`)), refusedFor)).toEqual([]);
  });

  test('of what can be given', () => {
    const given = (one: Operation): string[] => [
      ...properties(one),
      ...one.params.filter((param) => param.in !== 'path').map(({ name }) => (name === 'Idempotency-Key' ? name.toLowerCase() : name)),
    ];
    expect(missing(operations.flatMap((one) => given(one).map((name) => `${one.id} ${name}`)), takenWith)).toEqual([]);
  });
});
