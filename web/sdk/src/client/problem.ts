/**
 * The one error type that the SDK throws: a refusal in the server's terms (API.md, "Errors"), or one of
 * the client's own: `unreachable`, `malformed_answer`, `untrusted` (a signature or hash fails), `no_keys` and
 * `lost` (a message that was acknowledged and is not there).
 */
import type { Problem } from '../model.ts';

export class PorcupineError extends Error implements Problem {
  override readonly name = 'PorcupineError';
  readonly problem: Problem;

  constructor(
    readonly code: string,
    readonly title: string,
    readonly hint: string | null = null,
    readonly retryAfter: number | null = null,
    /** The further fields of the refusal, such as `epoch` and `seq`. */
    readonly fields: Readonly<Record<string, unknown>> = {},
  ) {
    super(title);
    this.problem = { code, title, hint, retryAfter };
  }

  /** A number among the further fields, or null. */
  number(field: string): number | null {
    const value = this.fields[field];
    return typeof value === 'number' ? value : null;
  }
}

/** Whether `error` is a refusal with one of these codes. */
export function isProblem(error: unknown, ...codes: string[]): error is PorcupineError {
  return error instanceof PorcupineError && codes.includes(error.code);
}

/**
 * Reads a problem document or an `error` frame: both say the code the same way, the words in
 * `detail`, `title` or `message`.
 */
export function problemFrom(value: unknown, status: number | null): PorcupineError {
  const fields = isRecord(value) ? value : {};
  const code = text(fields['code']) ?? codeOf(status);
  const title = text(fields['detail']) ?? text(fields['message']) ?? text(fields['title']) ?? code;
  const retryAfter = typeof fields['retry_after'] === 'number' ? fields['retry_after'] : null;
  return new PorcupineError(code, title, text(fields['hint']), retryAfter, fields);
}

/**
 * What a status says that came without a problem document, from a proxy in between perhaps: never that
 * something is over, or that a message was refused.
 */
function codeOf(status: number | null): string {
  if (status === 429) {
    return 'rate_limited';
  }
  if (status === 413) {
    return 'too_large';
  }
  return status !== null && status >= 500 ? 'busy' : 'malformed_answer';
}

export function unreachable(): PorcupineError {
  return new PorcupineError('unreachable', 'the server cannot be reached');
}

export function untrusted(what: string): PorcupineError {
  return new PorcupineError('untrusted', what);
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
