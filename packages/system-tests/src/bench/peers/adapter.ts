import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** How a system is measured: the request that publishes a message, and the processes whose CPU time counts. */
export interface Adapter {
  name: string;
  publish: {
    method: string;
    url: string;
    headers: Record<string, string>;
    /** Text, or a JSON value that is sent as JSON. */
    body: unknown;
  };
  /** Ids of processes, or names that one or more processes have, by what they are called in the report. */
  processes: Record<string, number | string>;
}

const placeholders = ['id', 'payload', 'destination', 'encodedDestination'] as const;

/** What stands for `{id}`, `{payload}` and so on in the URL, the headers and the body of a publish. */
export type Values = Record<(typeof placeholders)[number], string>;

/** An adapter that cannot be used. The message names every wrong field and says what to do. */
export class AdapterError extends Error {
  override name = 'AdapterError';
}

/**
 * Loads an adapter from a `.json` file, or from the default export of an `.mjs` file: the adapter, or a function that is
 * called with `{ destination }` and returns it.
 */
export async function loadAdapter(file: string, destination: string): Promise<Adapter> {
  const load = loaders[extname(file)];
  if (!load) throw new AdapterError(`${file}: use a file whose name ends in .json or .mjs`);
  return parseAdapter(await load(file, destination), file);
}

const loaders: Record<string, (file: string, destination: string) => Promise<unknown>> = {
  '.json': loadJson,
  '.mjs': loadModule,
};

async function loadJson(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new AdapterError(`${file}: ${(error as Error).message}`);
  });
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new AdapterError(`${file}: no JSON: ${(error as Error).message}`);
  }
}

async function loadModule(file: string, destination: string): Promise<unknown> {
  const { default: exported } = (await import(pathToFileURL(resolve(file)).href)) as { default?: unknown };
  return typeof exported === 'function' ? (exported as (about: object) => unknown)({ destination }) : exported;
}

/** @throws {AdapterError} that names every wrong field */
export function parseAdapter(value: unknown, from: string): Adapter {
  const faults: string[] = [];
  const check = (isRight: boolean, fault: string) => {
    if (!isRight) faults.push(fault);
  };

  const adapter = readFields(value, 'the adapter', ['name', 'publish', 'processes'], faults);
  const publish = readFields(adapter['publish'], 'publish', ['method', 'url', 'headers', 'body'], faults);
  const { name, processes = {} } = adapter;
  const { method = 'POST', url, headers = {}, body = '{payload}' } = publish;

  check(typeof name === 'string' && name !== '', 'name: use a text');
  check(typeof method === 'string' && /^[A-Z]+$/.test(method), 'publish.method: use a method such as POST');
  check(typeof url === 'string' && isHttpUrl(fillIn(url, example)), 'publish.url: use an http or https URL');
  check(
    isRecordOf(headers, (text) => typeof text === 'string'),
    'publish.headers: use an object of texts',
  );
  check(
    isRecordOf(processes, (process) => (typeof process === 'string' ? process !== '' : isProcessId(process))),
    'processes: use an object whose values are process ids or names of processes',
  );
  const used = findPlaceholders({ url, headers, body });
  const unknown = used.filter((found) => !placeholders.some((known) => known === found));
  const known = placeholders.map((found) => `{${found}}`).join(', ');
  for (const found of unknown) faults.push(`publish: {${found}} is unknown; use ${known}`);
  check(
    used.includes('id') || used.includes('payload'),
    'publish: use {id} or {payload} in the URL, a header or the body, by which a delivery is recognized',
  );
  if (faults.length > 0) throw new AdapterError(`Wrong adapter ${from}: ${faults.join('; ')}.`);
  return { name, publish: { method, url, headers, body }, processes } as Adapter;
}

/** A text with the values in place of its placeholders. */
export function fillIn(text: string, values: Values): string {
  return text.replace(
    /\{(\w+)\}/g,
    (found, name: string) => (values as Record<string, string | undefined>)[name] ?? found,
  );
}

/** The body of a publish: a text, or JSON in whose texts the placeholders are replaced. */
export function fillInBody(body: unknown, values: Values): string {
  if (typeof body === 'string') return fillIn(body, values);
  return JSON.stringify(body, (_key, value: unknown) => (typeof value === 'string' ? fillIn(value, values) : value));
}

const example: Values = {
  id: 'id',
  payload: 'payload',
  destination: 'http://h/',
  encodedDestination: 'http%3A%2F%2Fh',
};

function readFields(value: unknown, what: string, known: string[], faults: string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    faults.push(`${what}: use an object with ${known.join(', ')}`);
    return {};
  }
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) faults.push(`${what}: ${name} is unknown; the fields are ${known.join(', ')}`);
  }
  return value as Record<string, unknown>;
}

function isRecordOf(value: unknown, isRight: (one: unknown) => boolean): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isRight);
}

function isProcessId(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) > 0;
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function findPlaceholders(publish: unknown): string[] {
  const texts: string[] = [];
  JSON.stringify(publish, (_key, value: unknown) => {
    if (typeof value === 'string') texts.push(value);
    return value;
  });
  return [...new Set(texts.flatMap((text) => Array.from(text.matchAll(/\{(\w+)\}/g), ([, name = '']) => name)))];
}
