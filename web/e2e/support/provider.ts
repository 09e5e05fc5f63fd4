/**
 * OpenID providers for a test, each a process (provider-process.js), and the authority that their certificates are of, which a bridge has to
 * be told of. Owns the processes and the folder with the authority's keys.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './stack';

const run = promisify(execFile);

/** Certificates for 127.0.0.1 by an authority that no system knows. */
export class Authority {
  private constructor(private readonly dir: string) {}

  static async make(): Promise<Authority> {
    const dir = mkdtempSync(join(tmpdir(), 'porcupine-authority-'));
    // The bridge runs as another user.
    chmodSync(dir, 0o755);
    const openssl = (...args: string[]) => run('openssl', args, { cwd: dir });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    writeFileSync(join(dir, 'names'), 'subjectAltName=IP:127.0.0.1\n');
    await openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', '/CN=An authority for tests');
    await openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=127.0.0.1');
    const ca = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'];
    await openssl('x509', '-req', '-in', 'server.csr', ...ca, '-days', '2', '-extfile', 'names', '-out', 'server.crt');
    return new Authority(dir);
  }

  get certificate(): string {
    return join(this.dir, 'ca.crt');
  }

  get server(): { key: string; cert: string } {
    return { key: join(this.dir, 'server.key'), cert: join(this.dir, 'server.crt') };
  }

  async remove(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

export interface Claims {
  email?: string;
  email_verified?: boolean;
  preferred_username?: string;
  name?: string;
}

export interface ProviderOptions {
  name: string;
  label: string;
  algorithm: 'RS256' | 'ES256' | 'EdDSA';
  /** Who can sign in there, by login. */
  people: Record<string, Claims>;
  /** The page's origin. */
  origin: string;
  /** The ID token says who it is; otherwise the userinfo endpoint does. */
  claimsInToken?: boolean;
  /** Where it is reached, when something stands before it. */
  frontPort?: number;
}

export class OpenIdProvider {
  static readonly secret = 'a secret of tests';

  private constructor(
    readonly name: string,
    readonly label: string,
    readonly issuer: string,
    readonly port: number,
    private readonly authority: Authority,
    private readonly child: ChildProcess,
  ) {}

  static async start(authority: Authority, options: ProviderOptions): Promise<OpenIdProvider> {
    const { name, label, algorithm, people, origin, claimsInToken = false } = options;
    const port = await freePort();
    const issuer = `https://127.0.0.1:${options.frontPort ?? port}`;
    const client = { id: 'porcupine', secret: OpenIdProvider.secret, redirects: [`${origin}/api/auth/oidc/${name}/callback/`] };
    const about = { port, issuer, algorithm, client, people, claimsInToken, ...authority.server };
    const child = spawn(process.execPath, [join(import.meta.dirname, 'provider-process.js'), JSON.stringify(about)], { stdio: ['pipe', 'pipe', 'pipe'] });
    await ready(child);
    return new OpenIdProvider(name, label, issuer, port, authority, child);
  }

  /** What the bridge is told of it. */
  get settings(): Record<string, string> {
    const prefix = `PORCUPINE_OIDC_${this.name.toUpperCase()}`;
    return {
      [`${prefix}_ISSUER`]: this.issuer,
      [`${prefix}_CLIENT_ID`]: 'porcupine',
      [`${prefix}_CLIENT_SECRET`]: OpenIdProvider.secret,
      [`${prefix}_LABEL`]: this.label,
    };
  }

  /** By which algorithms it can sign at all, as it publishes its keys. */
  async algorithms(): Promise<string[]> {
    const ca = readFileSync(this.authority.certificate);
    const body = await new Promise<string>((resolve, reject) => {
      get(`https://127.0.0.1:${this.port}/jwks`, { ca }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => (text += part));
        answer.on('end', () => resolve(text));
      }).on('error', reject);
    });
    return (JSON.parse(body) as { keys: { alg: string }[] }).keys.map(({ alg }) => alg);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return;
    await new Promise((resolve) => this.child.once('exit', resolve).stdin?.end());
  }
}

async function ready(child: ChildProcess): Promise<void> {
  let said = '';
  child.stderr?.on('data', (data: Buffer) => (said += data.toString()));
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the provider ended with ${String(code)}:\n${said}`)));
    child.stdout?.on('data', (data: Buffer) => {
      if (data.toString().includes('ready')) resolve();
    });
  });
}
