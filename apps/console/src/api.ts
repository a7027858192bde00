import { takeAhead } from './ahead.ts';
import { watchSilence, type Silence } from './silence.ts';
import { sleep } from './sleep.ts';
import { createStore, type Store } from './store.ts';
import { waitForTurn } from './turns.ts';

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
/** The server has refused to bring what is shown up to date. */
export const isFailing = createStore(false);

/** Gives a function that sets the store until the function that it returns is called; calls may overlap. */
function createMark(store: Store<boolean>): () => () => void {
  let marks = 0;
  return () => {
    store.set(++marks > 0);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      store.set(--marks > 0);
    };
  };
}

export const markBusy = createMark(isBusy);
export const markFailing = createMark(isFailing);

/** How far the clock of the server is ahead of this one, in milliseconds. */
let clockOffsetMs = 0;

/** The time of the server, in milliseconds since 1970. */
export const serverNow = (): number => Date.now() + clockOffsetMs;

/** A response other than 2xx, or none: `status` is 0 then. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface RequestOptions {
  method?: string;
  headers?: HeadersInit;
  /** An object becomes JSON. */
  body?: string | object;
  /** Ends the request when the server is silent for too long; by default a `GET` that gets no reply. */
  silence?: Silence;
  /** The reader does not wait for it, so that it must not delay what the reader asks for. */
  isBackground?: boolean;
  /** How often a refusal that passes is tried again. */
  retries?: number;
  /** Whether it may be done twice: only then a 503, which leaves open what was done, is tried again. */
  isRepeatable?: boolean;
}

/** A server that asks for a longer pause is not waited for: its sentence is shown. */
const maxPauseMs = 10_000;
/** A server that sends nothing for so long is taken for unreachable. */
const maxSilenceMs = 30_000;
const maxProbeMs = 3000;

/** An error about what was asked for, not about the session, the connection or the load of the server. */
export const isRefusal = (error: unknown): error is ApiError =>
  error instanceof ApiError && error.status >= 400 && error.status < 500 && ![401, 429].includes(error.status);

/** Reports that the server cannot be reached, and returns the error for the caller. */
function lose(): ApiError {
  reportLoss();
  return new ApiError(0, 'The server cannot be reached.');
}

/**
 * Sends a request with the session of the console. What is refused with 429 was not done, and is tried again.
 *
 * @throws {ApiError} with the sentence of the server
 */
export async function send(path: string, options: RequestOptions = {}): Promise<Response> {
  const { method = 'GET', body, silence, isBackground = false, retries = 3 } = options;
  const { isRepeatable = method !== 'POST' } = options;
  const headers = new Headers(options.headers);
  headers.set('X-Posthorn-Console', '1');
  let endBusy: (() => void) | undefined;
  try {
    for (let tries = 0; ; tries++) {
      await waitForTurn(isBackground);
      silence?.hear();
      let response: Response;
      try {
        const ahead = method === 'GET' ? takeAhead(path) : undefined;
        response = await (ahead ??
          fetch(path, {
            method,
            headers,
            body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
            cache: 'no-store',
            signal: silence?.signal ?? null,
          }));
      } catch (error) {
        if (silence?.isEnded()) throw error;
        throw lose();
      }
      if (response.ok) {
        isOffline.set(false);
        return response;
      }
      const sentence = await readSentence(response);
      // A proxy says so of a server that it cannot reach.
      if (sentence === undefined && [502, 504].includes(response.status)) throw lose();
      const text = sentence ?? `The server answered ${response.status}.`;
      if (response.status === 401 && path !== '/console/session') session.set(null);
      // Another tab may have signed in with a token that only reads.
      if (response.status === 403 && path !== '/console/session' && session.get()?.scope === 'write') {
        void readSession().catch(() => undefined);
      }
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
export async function call<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const { method = 'GET' } = options;
  const silence = watchSilence(method === 'GET' ? maxSilenceMs : Infinity);
  try {
    const response = await send(path, { ...options, silence });
    let text = '';
    try {
      await silence.read(response, (part) => (text += part));
    } catch {
      throw lose();
    }
    return (text === '' ? undefined : JSON.parse(text)) as T;
  } catch (error) {
    if (error instanceof SyntaxError) throw new ApiError(502, 'The server sent a reply that is not JSON.');
    throw error;
  } finally {
    silence.end();
  }
}

/** The sentence of the server; `undefined` for a response that is not its own. */
async function readSentence(response: Response): Promise<string | undefined> {
  const text = await response.text().catch(() => '');
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    if (typeof error === 'string') return error;
  } catch {
    // The response may come from a proxy, in its own format.
  }
  return undefined;
}

/** Whether the server answers now. */
export async function isReachable(): Promise<boolean> {
  const signal = AbortSignal.timeout(maxProbeMs);
  const response = await fetch('/health', { cache: 'no-store', signal }).catch(() => undefined);
  return response?.ok === true;
}

let isProbing = false;

/** Says that the server cannot be reached, and polls until it answers again; then pages read their data again. */
export function reportLoss(): void {
  isOffline.set(true);
  if (isProbing) return;
  isProbing = true;
  void (async () => {
    while (isOffline.get()) {
      await sleep(1000);
      if (document.visibilityState !== 'visible') continue;
      if (await isReachable()) isOffline.set(false);
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
    const { scope, expiresAt, version } = reply;
    const known = session.get();
    const isSame = known?.scope === scope && known.expiresAt === expiresAt && known.version === version;
    // Whoever follows the session reads everything again.
    if (!isSame) session.set({ scope, expiresAt, version });
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
