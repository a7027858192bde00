import { createStore } from './store.ts';

/** What the server says about the session. */
export interface Session {
  scope: 'read' | 'write';
  expiresAt: number;
  version: string;
}

/** `undefined` while it is not known, `null` without a session. */
export const session = createStore<Session | null | undefined>(undefined);
/** The server cannot be reached. */
export const isOffline = createStore(false);
/** The server is busy, and something is about to be tried again. */
export const isBusy = createStore(false);
let busy = 0;

/** Tells the reader that the server is busy, until the function that it returns is called. */
export function markBusy(): () => void {
  isBusy.set(++busy > 0);
  let isOver = false;
  return () => {
    if (isOver) return;
    isOver = true;
    isBusy.set(--busy > 0);
  };
}

/** How far the clock of the server is ahead of this one, in milliseconds. */
let clockOffsetMs = 0;

/** The time of the server, in milliseconds since 1970. */
export const serverNow = (): number => Date.now() + clockOffsetMs;

/** An answer other than 2xx, or none: `status` is 0 then. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Requests that a tab makes in a second, at most. */
const maxPerSecond = 5;
const sentAt: number[] = [];

async function waitForTurn(): Promise<void> {
  for (;;) {
    const now = performance.now();
    while (sentAt[0] !== undefined && sentAt[0] <= now - 1000) sentAt.shift();
    if (sentAt.length < maxPerSecond) {
      sentAt.push(now);
      return;
    }
    await sleep((sentAt[0] ?? now) + 1000 - now + 1);
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export interface RequestOptions {
  method?: string;
  headers?: Record<string, string>;
  /** An object becomes JSON. */
  body?: string | object;
  signal?: AbortSignal;
  /** How often a refusal that passes is tried again. */
  retries?: number;
  /** Whether it may be done twice: only then a 503, which leaves open what was done, is tried again. */
  isRepeatable?: boolean;
}

/** A server that asks for a longer pause is not waited for: its sentence is shown. */
const maxPauseMs = 10_000;

/**
 * Sends a request with the session of the console. What is refused with 429 was not done, and is tried again.
 *
 * @throws {ApiError} with the sentence of the server
 */
export async function send(path: string, options: RequestOptions = {}): Promise<Response> {
  const { method = 'GET', headers = {}, body, signal, retries = 3, isRepeatable = method !== 'POST' } = options;
  let endBusy: (() => void) | undefined;
  try {
    for (let tries = 0; ; tries++) {
      await waitForTurn();
      let response: Response;
      try {
        response = await fetch(path, {
          method,
          headers: { ...headers, 'X-Posthorn-Console': '1' },
          body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
          cache: 'no-store',
          signal: signal ?? null,
        });
      } catch (error) {
        if (signal?.aborted) throw error;
        reportLoss();
        throw new ApiError(0, 'The server cannot be reached.');
      }
      if (response.ok) {
        isOffline.set(false);
        return response;
      }
      const text = await readSentence(response);
      if (response.status === 401 && path !== '/console/session') session.set(null);
      const mayPass = response.status === 429 || (response.status === 503 && isRepeatable);
      const pauseMs = 1000 * (Number(response.headers.get('Retry-After')) || tries + 1);
      if (!mayPass || tries >= retries || pauseMs > maxPauseMs) throw new ApiError(response.status, text);
      endBusy ??= markBusy();
      await sleep(pauseMs);
    }
  } finally {
    endBusy?.();
  }
}

/** The JSON of a reply; `undefined` for an empty one. */
export async function call<T>(path: string, options?: RequestOptions): Promise<T> {
  const text = await (await send(path, options)).text();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

async function readSentence(response: Response): Promise<string> {
  const text = await response.text().catch(() => '');
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    if (typeof error === 'string') return error;
  } catch {
    // The response may come from a proxy, in its own format.
  }
  return `The server answered ${response.status}.`;
}

let isProbing = false;

/** Polls until the server answers again; then pages read their data again. */
function reportLoss(): void {
  isOffline.set(true);
  if (isProbing) return;
  isProbing = true;
  void (async () => {
    while (isOffline.get()) {
      await sleep(1000);
      const response = await fetch('/health', { cache: 'no-store' }).catch(() => undefined);
      if (response) isOffline.set(false);
    }
    isProbing = false;
  })();
}

/** Reads the session; `null` without one. Keeps what is known when the server cannot be reached. */
export async function readSession(): Promise<void> {
  try {
    const startedAt = Date.now();
    const reply = await call<Session & { now: number }>('/console/session');
    clockOffsetMs = reply.now - (startedAt + Date.now()) / 2;
    session.set({ scope: reply.scope, expiresAt: reply.expiresAt, version: reply.version });
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) session.set(null);
    else throw error;
  }
}

/** @throws {ApiError} with the sentence of the server */
export async function signIn(credentials: { token: string } | { code: string }): Promise<void> {
  const headers = { 'Content-Type': 'application/json' };
  await send('/console/session', { method: 'POST', headers, body: credentials });
  await readSession();
}

export async function signOut(): Promise<void> {
  await send('/console/session', { method: 'DELETE' });
  session.set(null);
}

/** A query of those parameters that have a value; `?` included, or empty. */
export function formatQuery(parameters: Record<string, string | number | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== '') query.append(name, String(value));
  }
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}
