import { eventually, startSystem, testToken, type TestSystem } from '@posthorn/testkit';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { openPage, startBrowser, type Watched } from './browser.ts';
import { button } from './locators.ts';

export const readToken = 'read-only-token-0123456789';

type Headers = Record<string, string>;
type ContextOptions = Parameters<Browser['newContext']>[0];

/** All of posthorn with a browser, and pages in it. */
export interface Stage {
  system: TestSystem;
  url: string;
  /**
   * A page at a path below `/console/`, signed in, with a browser profile of its own.
   *
   * @param options those of the profile; `before` is called before the page is loaded
   */
  open(
    path?: string,
    options?: ContextOptions & { token?: string; before?: (page: Page) => Promise<unknown> },
  ): Promise<Opened>;
  /** An empty page with a browser profile of its own, which may go to any server on this machine. */
  openEmpty(options?: ContextOptions): Promise<Opened>;
  /** Publishes to a path of the receiver, and waits for a state if one is given. */
  publish(path: string, headers?: Headers, state?: string, body?: string): Promise<string>;
  /** Publishes so many equal messages at once, and waits for a state if one is given. */
  publishMany(count: number, path: string, headers?: Headers, state?: string): Promise<string[]>;
  /** Adds a message to a path of the receiver to a queue. */
  enqueue(queue: string, path: string, headers?: Headers): Promise<string>;
  /** Creates a schedule that publishes to `/ok` of the receiver. */
  schedule(id: string, cron: string): Promise<Response>;
  /** The JSON of a `GET` of the API. */
  read<T>(path: string): Promise<T>;
  /** A `POST` to the API, with the token. */
  post(path: string, body?: object): Promise<Response>;
  /** A `DELETE` of the API. */
  remove(path: string): Promise<Response>;
}

export interface Opened extends Watched {
  context: BrowserContext;
}

/**
 * Starts all of posthorn and a browser for the tests of a file, and stops them after the last one. Pages that a test opens
 * are closed when it ends, so that the tests after it have the machine for themselves.
 *
 * @param prepare runs once, before the first test; pages that it opens stay until the last one
 */
export function setUpStage(prepare?: () => Promise<void>): Stage {
  const stage = {} as Stage;
  const kept: Opened[] = [];
  let opened: Opened[] = [];
  let stopBrowser: (() => Promise<void>) | undefined;

  beforeAll(async () => {
    const [system, { browser, stop }] = await Promise.all([
      startSystem({ api: { QSTASH_READONLY_TOKEN: readToken } }),
      startBrowser(),
    ]);
    stopBrowser = stop;
    Object.assign(
      stage,
      createStage(system, browser, (page) => opened.push(page)),
    );
    await prepare?.();
    kept.push(...opened.splice(0));
  });
  afterEach(async () => {
    const pages = opened;
    opened = [];
    await Promise.all(pages.map(close));
    checkFaults([...kept, ...pages]);
  });
  afterAll(async () => {
    await stopBrowser?.();
    await stage.system.stop();
  });
  return stage;
}

/** A request that a test still holds back when it ends is no fault. */
async function close({ page, context }: Opened): Promise<void> {
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await context.close();
}

/** No page has asked another host for anything, and no script of it has failed. */
function checkFaults(pages: readonly Watched[]): void {
  expect(pages.flatMap(({ foreign, errors }) => [...foreign.splice(0), ...errors.splice(0)])).toEqual([]);
}

function createStage(system: TestSystem, browser: Browser, onOpen: (opened: Opened) => void): Stage {
  const { api, receiver } = system;
  const openContext = async (origin: string, options: ContextOptions) => {
    const context = await browser.newContext(options);
    // As long as `eventually` waits: on a busy machine a page takes its time.
    context.setDefaultTimeout(30_000);
    const opened = { ...(await openPage(context, origin)), context };
    onOpen(opened);
    return opened;
  };
  const untilState = (id: string, state: string) => eventually(async () => (await api.states(id)).at(-1) === state);
  return {
    system,
    url: api.url,
    async open(path = '', { token = testToken, before, ...options } = {}) {
      const opened = await openContext(api.url, options);
      const { page, context } = opened;
      // The page that asks for the token has tests of its own.
      await context.request.post(`${api.url}/console/session`, { data: { token }, failOnStatusCode: true });
      await before?.(page);
      await page.goto(`${api.url}/console/${path}`);
      await button(page, 'Sign out').waitFor();
      return opened;
    },
    openEmpty: (options) => openContext('http://127.0.0.1:', options),
    async publish(path, headers = {}, state = '', body = 'x') {
      const id = await api.publish(receiver.url + path, { headers, body });
      if (state) await untilState(id, state);
      return id;
    },
    async publishMany(count, path, headers = {}, state = '') {
      const message = { destination: receiver.url + path, headers, body: 'x' };
      const body = JSON.stringify(Array.from({ length: count }, () => message));
      const response = await api.call('/v2/batch', { method: 'POST', body });
      const ids = ((await response.json()) as { messageId: string }[]).map(({ messageId }) => messageId);
      if (state) await Promise.all(ids.map((id) => untilState(id, state)));
      return ids;
    },
    async enqueue(queue, path, headers = {}) {
      const response = await api.call(`/v2/enqueue/${queue}/${receiver.url}${path}`, { method: 'POST', headers });
      return ((await response.json()) as { messageId: string }).messageId;
    },
    schedule: (id, cron) =>
      api.call(`/v2/schedules/${receiver.url}/ok`, {
        method: 'POST',
        headers: { 'Upstash-Cron': cron, 'Upstash-Schedule-Id': id },
      }),
    read: async <T>(path: string) => (await (await api.call(path)).json()) as T,
    post: (path, body = {}) => api.call(path, { method: 'POST', body: JSON.stringify(body) }),
    remove: (path) => api.call(path, { method: 'DELETE' }),
  };
}
