/**
 * openapi.yaml as the contract test reads it: its operations, what they allow and forbid, and what an answer has to be like.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-member-access,
   @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-call, @typescript-eslint/restrict-plus-operands
   -- a description is read as it comes */
export type Json = any;

export interface Operation {
  id: string;
  method: string;
  path: string;
  params: { name: string; in: string; schema: Json }[];
  body: { schema: Json; example: Json; required: boolean } | undefined;
  responses: Record<string, Json>;
  open: boolean;
}

export interface Call {
  token?: string | null;
  path?: Record<string, string | number>;
  query?: string;
  body?: unknown;
  /** In place of the body's JSON. */
  bytes?: string;
  type?: string;
  headers?: Record<string, string>;
  /** Neither a body nor a Content-Length, which says that there is none. */
  lengthless?: boolean;
  /** A body of this length is announced, and not sent before it is asked for. */
  announced?: number;
}

const root = join(import.meta.dirname, '../../..');
export const api = readFileSync(join(root, 'API.md'), 'utf8');
export const document: Json = parse(readFileSync(join(root, 'openapi.yaml'), 'utf8'));
export const operations = readOperations();
export const validator = makeValidator();

/** What API.md's table of errors says of each code: its status; `invalid` has others by the way a request is malformed. */
export const statuses = new Map(
  [...api.matchAll(/^\| `([a-z_]+)` \| (?:PC\d{3})? *\| (\d{3}) \|/gm)].map((row) => [row[1], Number(row[2])]),
);

export function resolve(value: Json): Json {
  if (value?.$ref === undefined) return value;
  return resolve((value.$ref as string).slice(2).split('/').reduce((at: Json, key) => at[key], document));
}

function readOperations(): Operation[] {
  return Object.entries<Json>(document.paths).flatMap(([path, item]) =>
    Object.entries<Json>(item)
      .filter(([method]) => method !== 'parameters')
      .map(([method, operation]) => ({
        id: operation.operationId as string,
        method: method.toUpperCase(),
        path,
        params: [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(resolve),
        body: operation.requestBody && { ...operation.requestBody.content['application/json'], required: operation.requestBody.required as boolean },
        responses: operation.responses as Record<string, Json>,
        open: operation.security !== undefined,
      })),
  );
}

/** Answers hold what is described and nothing else, so that nothing is left undescribed. */
function makeValidator(): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  const whole = structuredClone(document);
  const close = (value: Json): void => {
    if (value === null || typeof value !== 'object') return;
    if (value.type === 'object' && value.properties && value.additionalProperties === undefined) value.additionalProperties = false;
    Object.values(value).forEach(close);
  };
  addFormats.default(ajv);
  close(whole);
  ajv.addSchema(whole, 'whole');
  return ajv;
}

export function pointer(...keys: string[]): string {
  return `whole#/${keys.map((key) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;
}

export function operation(id: string): Operation {
  const found = operations.find((one) => one.id === id);
  if (!found) throw new Error(`no operation ${id}`);
  return found;
}

/** A value that a schema allows. */
function sample(given: Json): unknown {
  const schema = resolve(given);
  if (schema.examples !== undefined) return schema.examples[0];
  if (schema.type === 'object') return Object.fromEntries(Object.entries<Json>(schema.properties).map(([name, one]) => [name, sample(one)]));
  return schema.contentEncoding === 'base64' ? 'QUFBQUFBQUE=' : '7';
}

/** Values of other types, too short or long, small or large, too many, or of another form than a schema allows. */
function forbiddenValues(given: Json): unknown[] {
  const schema = resolve(given);
  const most: number = schema.maxLength ?? 0;
  switch (schema.type) {
    case 'string':
      return [
        7,
        true,
        {},
        [],
        ...(schema.minLength > 0 ? [''] : []),
        ...(most > 0 && most < 90_000 ? ['QUFB'.repeat(Math.ceil((most + 4) / 4))] : []),
        ...(schema.enum ? ['emperor'] : []),
        ...(schema.pattern ? ['no/such thing'] : []),
        ...(schema.format ? ['###'] : []),
      ];
    case 'integer':
      return ['x', '1', 1.5, true, {}, [], ...beyond(schema), 9007199254740992, 1e300];
    case 'boolean':
      return ['true', 1, {}, []];
    case 'array':
      return [
        'x',
        7,
        {},
        Array.from({ length: schema.maxItems + 1 }, () => sample(schema.items)),
        ...forbiddenValues(schema.items).filter((value) => !Array.isArray(value)).map((value) => [value]),
      ];
    case 'object':
      return ['x', 7, {}, ...forbiddenMembers(schema, sample(schema) as object).map(([, value]) => value)];
    default:
      throw new Error(`what does ${JSON.stringify(schema)} forbid?`);
  }
}

/** Integers just below and above; a seq has no end that a number could pass. */
function beyond(schema: Json): number[] {
  return [schema.minimum - 1, ...(schema.maximum < 9007199254740991 ? [schema.maximum + 1] : [])];
}

/** Objects that are good but for one member, by its name. */
export function forbiddenMembers(schema: Json, good: object): [string, object][] {
  const required: string[] = schema.required ?? [];
  return [
    ...required.flatMap((name): [string, object][] => [
      [name, { ...good, [name]: undefined }],
      [name, { ...good, [name]: null }],
    ]),
    ...Object.entries<Json>(schema.properties).flatMap(([name, property]) =>
      forbiddenValues(property).map((value): [string, object] => [name, { ...good, [name]: value }]),
    ),
  ];
}

/** What a parameter of a query does not take. */
export function forbiddenTexts(given: Json): string[] {
  const schema = resolve(given);
  if (schema.type === 'integer') return ['x', '1.5', '', '99999999999999999999', ...beyond(schema).map(String)];
  return schema.maxLength === undefined ? [] : ['x'.repeat(schema.maxLength + 1)];
}

/** What is wrong with a body whatever it is for. */
export function malformed(good: unknown): Record<number, Call[]> {
  const text = JSON.stringify(good ?? {});
  return {
    400: [{ bytes: `[${text}]` }, { bytes: text.slice(0, -1) }, { bytes: `${text} x` }, { bytes: '{"a":1,"a":1}' }, { bytes: '{"a":"\\ud800"}' }],
    413: [{ body: undefined, announced: 600_000 }],
    415: [{ bytes: text, type: 'text/plain' }],
  };
}
