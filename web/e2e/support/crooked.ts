/**
 * Stands before an OpenID provider, over https as that does, and makes one thing wrong with what it says, as `crime` names it. Its own
 * key is among those that the provider publishes, so that only what is named is wrong.
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { createServer, request, type Server } from 'node:https';
import type { Authority } from './provider';

type Fields = Record<string, unknown>;

const forgeries = {
  'nothing wrong': () => undefined,
  'a nonce of another sign-in': (_: Fields, claims: Fields) => (claims.nonce = 'another'),
  'another issuer': (_: Fields, claims: Fields) => (claims.iss = 'https://elsewhere.example'),
  'another audience': (_: Fields, claims: Fields) => (claims.aud = 'another'),
  'an expired token': (_: Fields, claims: Fields) => (claims.exp = Math.floor(Date.now() / 1000) - 3600),
  'a key that is not published': (header: Fields) => (header.kid = 'unpublished'),
  'a token without a signature': (header: Fields) => (header.alg = 'none'),
};

/** `a code that is kept back`: the browser gets none. `a code of another sign-in`: it gets that one. */
export type Crime =
  | keyof typeof forgeries
  | 'a token endpoint that leads elsewhere'
  | 'a token endpoint that fails'
  | 'a code that is kept back'
  | 'a code of another sign-in';

interface Answer {
  status: number;
  headers: OutgoingHttpHeaders;
  body: string;
}

export class Crooked {
  crime: Crime = 'nothing wrong';
  private readonly keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  private readonly server: Server;
  private readonly ca: Buffer;
  private keptCode: string | null = null;
  private elsewhere: Answer | null = null;

  private constructor(
    authority: Authority,
    private readonly port: number,
    private readonly callback: string,
  ) {
    const { key, cert } = authority.server;
    this.ca = readFileSync(authority.certificate);
    this.server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (asked, answer) => {
      this.answer(asked, answer).catch((error: unknown) => answer.destroy(error as Error));
    });
  }

  /** Listens on `front` for the provider on `port`; `callback` begins the address that browsers are sent back to. */
  static async start(authority: Authority, front: number, port: number, callback: string): Promise<Crooked> {
    const crooked = new Crooked(authority, port, callback);
    await new Promise<void>((resolve) => crooked.server.listen(front, '127.0.0.1', resolve));
    return crooked;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(asked: IncomingMessage, response: ServerResponse): Promise<void> {
    let { status, headers, body } = asked.url === '/elsewhere' && this.elsewhere !== null ? this.elsewhere : await this.ask(asked);
    if (asked.url === '/jwks') body = this.withOwnKey(body);
    if (asked.url === '/token' && status === 200) body = this.withForgery(body);
    if (asked.url === '/token' && this.crime === 'a token endpoint that leads elsewhere') {
      // as good as any, so that whoever follows finds nothing wrong
      this.elsewhere = { status, headers, body };
      [status, headers] = [302, { location: `https://${asked.headers.host ?? ''}/elsewhere` }];
    }
    if (asked.url === '/token' && this.crime === 'a token endpoint that fails') status = 500;
    if (headers.location?.startsWith(this.callback)) headers = { ...headers, location: this.withCode(headers.location) };
    delete headers['content-length'];
    delete headers['transfer-encoding'];
    response.writeHead(status, headers).end(body);
  }

  private async ask(asked: IncomingMessage): Promise<Answer> {
    const { method, url, headers } = asked;
    return new Promise((resolve, reject) => {
      const passed = request({ host: '127.0.0.1', port: this.port, ca: this.ca, method, path: url, headers }, (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (part: string) => (body += part));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body }));
      });
      passed.on('error', reject);
      asked.pipe(passed);
    });
  }

  private withOwnKey(body: string): string {
    const { keys } = JSON.parse(body) as { keys: Fields[] };
    return JSON.stringify({ keys: [...keys, { ...this.keys.publicKey.export({ format: 'jwk' }), kid: 'crooked', alg: 'RS256', use: 'sig' }] });
  }

  private withForgery(body: string): string {
    const tokens = JSON.parse(body) as { id_token: string };
    const claims = JSON.parse(Buffer.from(tokens.id_token.split('.')[1] ?? '', 'base64url').toString()) as Fields;
    const header: Fields = { alg: 'RS256', kid: 'crooked' };
    if (this.crime in forgeries) forgeries[this.crime as keyof typeof forgeries](header, claims);
    const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    const signature = header.alg === 'none' ? '' : sign('sha256', Buffer.from(text), this.keys.privateKey).toString('base64url');
    return JSON.stringify({ ...tokens, id_token: `${text}.${signature}` });
  }

  private withCode(location: string): string {
    const back = new URL(location);
    if (this.crime === 'a code that is kept back') {
      this.keptCode = back.searchParams.get('code');
      back.searchParams.delete('code');
    } else if (this.crime === 'a code of another sign-in' && this.keptCode !== null) {
      back.searchParams.set('code', this.keptCode);
    }
    return back.href;
  }
}
