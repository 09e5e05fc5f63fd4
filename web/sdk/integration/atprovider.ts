/**
 * What a browser does at npm's oidc-provider, by its forms: says who somebody is and that the chat may know, or that they would rather not.
 */
import { request } from 'node:https';

interface Page {
  location: string | undefined;
  text: string;
}

/** Goes where a sign-in begins; without a login it is cancelled there. Returns where the provider sends the browser in the end. */
export async function visit(url: string, ca: Buffer, login?: string): Promise<URL> {
  const provider = new URL(url).origin;
  const cookies = new Map<string, string>();
  let at = new URL(url);
  let page = await ask(at, ca, cookies);
  for (let steps = 0; steps < 12; steps++) {
    if (page.location !== undefined) {
      at = new URL(page.location, at);
      if (at.origin !== provider) return at;
      page = await ask(at, ca, cookies);
      continue;
    }
    const prompt = attribute(page.text, /name="prompt" value="(\w+)"/);
    const to = attribute(page.text, login === undefined ? /href="([^"]+\/abort)"/ : /action="([^"]+)"/);
    if (to === undefined) throw new Error(`there is no form at ${at.href}: ${page.text}`);
    at = new URL(to, at);
    const form = { prompt: prompt ?? '', ...(prompt === 'login' ? { login: login ?? '', password: 'any will do' } : {}) };
    page = await ask(at, ca, cookies, login === undefined ? undefined : new URLSearchParams(form).toString());
  }
  throw new Error(`${url} leads nowhere`);
}

function attribute(html: string, pattern: RegExp): string | undefined {
  return pattern.exec(html)?.[1]?.replaceAll('&amp;', '&');
}

async function ask(url: URL, ca: Buffer, cookies: Map<string, string>, form?: string): Promise<Page> {
  const headers: Record<string, string> = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
  if (form !== undefined) headers['content-type'] = 'application/x-www-form-urlencoded';
  return new Promise((resolve, reject) => {
    const asked = request(url, { ca, headers, method: form === undefined ? 'GET' : 'POST' }, (answer) => {
      let text = '';
      for (const cookie of answer.headers['set-cookie'] ?? []) {
        const [name = '', value = ''] = (cookie.split(';')[0] ?? '').split('=', 2);
        if (value === '') cookies.delete(name);
        else cookies.set(name, value);
      }
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.on('end', () => resolve({ location: answer.headers.location, text }));
    });
    asked.on('error', reject).end(form);
  });
}
