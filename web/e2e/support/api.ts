/** The wire without the page: what anybody with a token can try. */
export class Api {
  private constructor(
    private readonly origin: string,
    private readonly access: string,
    readonly user: string,
  ) {}

  static async signIn(origin: string, username: string, password: string): Promise<Api> {
    const response = await fetch(`${origin}/api/auth/login/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username, password }),
    });
    const body = (await response.json()) as { access: string; user: { id: string } };
    if (!response.ok) throw new Error(`signing in as ${username}: ${response.status}`);
    return new Api(origin, body.access, body.user.id);
  }

  get token(): string {
    return this.access;
  }

  async call(method: string, path: string, body?: unknown): Promise<{ status: number; code: string | null; body: unknown }> {
    const response = await fetch(this.origin + path, {
      method,
      headers: {
        authorization: `Bearer ${this.access}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const parsed: unknown = text === '' ? null : JSON.parse(text);
    const code =
      typeof parsed === 'object' && parsed !== null && 'code' in parsed && !response.ok ? String(parsed.code) : null;
    return { status: response.status, code, body: parsed };
  }
}
