// An OpenID provider as a process of its own: npm's oidc-provider over https on the loopback, with the login pages that it has for
// development, where any password will do. What it is stands as JSON in its only argument; it ends with its standard input.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { Provider } from 'oidc-provider';

const { port, issuer, algorithm, client, people, claimsInToken, key, cert } = JSON.parse(process.argv[2]);

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: client.id,
      client_secret: client.secret,
      redirect_uris: client.redirects,
      response_types: ['code'],
      grant_types: ['authorization_code'],
      id_token_signed_response_alg: algorithm,
    },
  ],
  jwks: { keys: [{ ...signingKey().export({ format: 'jwk' }), kid: `${algorithm}-1`, alg: algorithm, use: 'sig' }] },
  pkce: { required: () => true },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
  // with true they are had from the userinfo endpoint only
  conformIdTokenClaims: !claimsInToken,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
  cookies: { keys: ['for tests'] },
});

createServer({ key: readFileSync(key), cert: readFileSync(cert) }, provider.callback()).listen(port, '127.0.0.1', () => {
  process.stdout.write('ready\n');
});
process.stdin.resume().on('end', () => process.exit(0));

function signingKey() {
  if (algorithm === 'RS256') return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  return algorithm === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey : generateKeyPairSync('ed25519').privateKey;
}
