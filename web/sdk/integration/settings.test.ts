/**
 * What `make run` is given in its environment reaches the bridge, as settings by files do; a name that is no setting is
 * said to be none, before anybody relies on it.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Stack } from '../../e2e/support/stack';

const SECRET = 'only-the-provider-knows';
const settings: Record<string, string> = {
  PORCUPINE_CORS_ORIGINS: 'https://shop.example.org',
  PORCUPINE_OIDC_PROVIDERS: 'corp,other',
  PORCUPINE_OIDC_CORP_ISSUER: 'https://id.example.org',
  PORCUPINE_OIDC_CORP_CLIENT_ID: 'chat',
  PORCUPINE_OIDC_CORP_LABEL: 'The company’s own',
  PORCUPINE_OIDC_OTHER_ISSUER: 'https://other.example.org',
  PORCUPINE_OIDC_OTHER_CLIENT_ID: 'chat',
  PORCUPINE_OIDC_OTHER_CLIENT_SECRET: SECRET,
};

let stack: Stack;

beforeAll(async () => {
  Object.assign(process.env, settings);
  stack = await Stack.prepare('sdk-settings');
  await stack.verb('start-postgres');
  const file = join(stack.dir, 'corp.secret');
  writeFileSync(file, `${SECRET}\n`, { mode: 0o400 });
  // who runs the bridge is who owns the folder
  execFileSync('chown', [`--reference=${stack.dir}`, file]);
  process.env.PORCUPINE_OIDC_CORP_CLIENT_SECRET_FILE = file;
  stack = await Stack.prepare('sdk-settings', { port: stack.port });
});

afterAll(async () => {
  await stack.remove();
});

describe('the environment of make run', () => {
  it('reaches the bridge', async () => {
    await stack.verb('start-bridge');
    const listed = (await (await fetch(`${stack.origin}/api/auth/oidc/`)).json()) as { results: { name: string; label: string }[] };
    expect(listed.results.map(({ name, label }) => `${name}: ${label}`)).toEqual(['corp: The company’s own', 'other: other']);
    const asked = await fetch(`${stack.origin}/api/rooms/`, { headers: { Origin: 'https://shop.example.org' } });
    expect(asked.headers.get('access-control-allow-origin')).toBe('https://shop.example.org');
  });

  it('is read by nobody else', () => {
    const pid = readFileSync(join(stack.dir, 'bridge.pid'), 'utf8').trim();
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(SECRET);
    expect(readFileSync(join(stack.dir, 'log/bridge.log'), 'utf8')).not.toContain(SECRET);
    const names = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').map((line) => line.split('=')[0]);
    expect(names.filter((name) => !/^(PORCUPINE_[A-Z_]+|(A|UB)SAN_OPTIONS|PATH|LANG|PWD|OLDPWD|SHLVL|_)?$/.test(name ?? ''))).toEqual([]);
  });

  it('is not guessed at', async () => {
    await stack.verb('stop-bridge');
    process.env.PORCUPINE_OIDC_CROP_LABEL = 'a slip';
    const mistaken = await Stack.prepare('sdk-settings', { port: stack.port });
    await expect(mistaken.verb('start-bridge')).rejects.toThrow(/there is no setting PORCUPINE_OIDC_CROP_LABEL/);
    delete process.env.PORCUPINE_OIDC_CROP_LABEL;
  });
});
