/**
 * A stack of one's own: a PostgreSQL cluster and a bridge in a folder of their own, run by
 * scripts/stack, with ways to kill them as a power cut would. Owns the folder and removes it.
 */
import { execFile, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../../..');
const script = join(root, 'scripts/stack');
const PATIENCE = 60_000;

export interface StackOptions {
  port?: number;
  /** Further origins that a browser may come from. */
  origins?: string[];
  /** Further settings. */
  env?: Record<string, string>;
}

export class Stack {
  readonly origin: string;

  private constructor(
    readonly dir: string,
    readonly port: number,
    private readonly env: NodeJS.ProcessEnv,
  ) {
    this.origin = `http://localhost:${port}`;
  }

  /** A folder and a port; nothing runs yet. */
  static async prepare(name: string, options: StackOptions = {}): Promise<Stack> {
    const dir = join(baseFolder(), name);
    const port = options.port ?? (await freePort());
    const origins = [`http://localhost:${port}`, ...(options.origins ?? [])].join(',');
    return new Stack(dir, port, {
      ...process.env,
      // the tests' own, which is no setting of the bridge
      PORCUPINE_PICTURES: undefined,
      ...options.env,
      PORCUPINE_DIR: dir,
      PORCUPINE_PORT: String(port),
      PORCUPINE_ORIGINS: origins,
    });
  }

  static async up(name: string, options: StackOptions = {}): Promise<Stack> {
    const stack = await Stack.prepare(name, options);
    try {
      await stack.verb('up');
    } catch (error) {
      await stack.remove();
      throw error;
    }
    return stack;
  }

  async remove(): Promise<void> {
    if (existsSync(this.dir)) await this.verb('down');
    rmSync(this.dir, { recursive: true, force: true });
    const above = dirname(this.dir);
    if (existsSync(above) && readdirSync(above).length === 0) rmdirSync(above);
  }

  async verb(verb: string, ...args: string[]): Promise<string> {
    // Its children outlive it with our pipes in their hands, so wait for its end, not for theirs.
    const child = spawn(script, [verb, ...args], { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.on('data', (data: Buffer) => (said += data.toString()));
    child.stderr.on('data', (data: Buffer) => (said += data.toString()));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
    child.stdout.destroy();
    child.stderr.destroy();
    if (code !== 0) throw new Error(`scripts/stack ${verb} ended with ${String(code)}:\n${said}`);
    return said;
  }

  /** Ends the bridge without a chance to say goodbye. */
  async killBridge(): Promise<void> {
    await killHard(readPid(join(this.dir, 'bridge.pid')));
  }

  /** Ends the postmaster likewise; its backends end by themselves when they notice. */
  async killPostgres(): Promise<void> {
    const pid = this.postmaster();
    await killHard(pid);
  }

  /** Orphaned backends may hold the old cluster's memory for a moment, so starting it is tried until it works. */
  async startPostgres(): Promise<void> {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      try {
        await this.verb('start-postgres');
        return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
    }
  }

  /** One of PostgreSQL's own programs, of the version that runs, against this cluster. */
  async postgres(program: 'pg_dump' | 'psql', args: string[], options: { database?: string; settings?: string } = {}): Promise<string> {
    const bin = dirname(readlinkSync(`/proc/${this.postmaster()}/exe`));
    const conninfo = (await this.verb('conninfo')).trim().replace(/dbname=\S+/, `dbname=${options.database ?? 'porcupine'}`);
    const env = { ...process.env, PGOPTIONS: options.settings ?? '' };
    const { stdout } = await run(join(bin, program), ['-d', conninfo, ...args], { env, maxBuffer: 1 << 30, encoding: 'latin1' });
    return stdout;
  }

  private postmaster(): number {
    return readPid(join(this.dir, 'pg/postmaster.pid'));
  }
}

const given = new Set<number>();

/** Below those that the kernel gives to clients, who may have it while a bridge is down, and below those of the other suites. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(10_000, 20_000);
    if (!given.has(port) && (await isFree(port))) {
      given.add(port);
      return port;
    }
  }
  throw new Error('no port');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

let base: string | null = null;

/** Where the user that runs PostgreSQL can reach it: the test runner's folder, or one of our own. */
function baseFolder(): string {
  if (base !== null && existsSync(base)) return base;
  const given = process.env.PORCUPINE_DIR;
  if (given === undefined) {
    base = mkdtempSync(join(tmpdir(), 'porcupine-e2e-'));
    chmodSync(base, 0o755);
  } else {
    base = given;
    mkdirSync(base, { recursive: true, mode: 0o755 });
  }
  return base;
}

function readPid(file: string): number {
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  if (!Number.isInteger(pid) || pid <= 1) throw new Error(`${file} holds no process id`);
  return pid;
}

async function killHard(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  const deadline = Date.now() + PATIENCE;
  while (isAlive(pid)) {
    if (Date.now() > deadline) throw new Error(`process ${pid} does not end`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function isAlive(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  try {
    // A zombie is dead; its parent just hasn't looked yet.
    return !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
  } catch {
    return false;
  }
}
