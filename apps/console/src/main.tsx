import { render, type ComponentChildren, type ComponentType } from 'preact';
import { useEffect, useErrorBoundary, useState } from 'preact/hooks';
import { listAhead } from './ahead.ts';
import { isOffline, readSession, reportLoss, session, signIn } from './api.ts';
import { hasDrafts } from './drafts.ts';
import { forgetAll, readAhead, refreshes } from './data.ts';
import { findRoot, Frame } from './frame.tsx';
import { untilIdle } from './idle.ts';
import { startLive } from './live.ts';
import { Overview } from './pages/overview.tsx';
import { SignIn } from './pages/sign-in.tsx';
import { Messages } from './pages/messages.tsx';
import { Link, navigate, currentLocation, useLocation } from './router.tsx';
import { Shell } from './shell.tsx';
import { startShortcuts } from './shortcuts.ts';
import { sleep } from './sleep.ts';
import { useStore } from './store.ts';
import { complain } from './components/notice.ts';
import { Notices } from './components/notices.tsx';
import { PageHead } from './components/page-head.tsx';

type Page = ComponentType<{ id: string }>;

/** What loads a page that is loaded only when it is wanted. */
const loads = new Map<Page, () => Promise<unknown>>();

/** A page that is loaded when it is first opened, or when the browser has nothing else to do. */
function lazy(load: () => Promise<Page>): Page {
  let loaded: Page | undefined;
  const once = async () => (loaded ??= await load());
  const LazyPage: Page = (props) => {
    const [, render] = useState(0);
    const [hasFailed, setHasFailed] = useState(false);
    const Loaded = loaded;
    useEffect(() => {
      // It may have been loaded in advance since this was drawn.
      if (Loaded) return undefined;
      let end: (() => void) | undefined;
      let isEnded = false;
      once().then(
        () => render(1),
        () => {
          if (isEnded) return;
          // A reload would lose what was typed.
          if (isReloaded() || hasDrafts()) setHasFailed(true);
          else end = reloadLater();
        },
      );
      return () => {
        isEnded = true;
        end?.();
      };
    }, []);
    if (Loaded) return <Loaded {...props} />;
    if (hasFailed) return <p class="fault">This page cannot be loaded. Reload it later.</p>;
    return <p class="muted">Loading…</p>;
  };
  loads.set(LazyPage, once);
  return LazyPage;
}

/** Whether this entry of the history was loaded anew for a script that was missing. */
const isReloaded = () => (history.state as { isReloaded?: boolean } | null)?.isReloaded === true;

/**
 * A script is missing: the server is unreachable, or a newer one has other scripts. Loads everything anew when the server
 * answers, unless the function that it returns is called before.
 */
function reloadLater(): () => void {
  reportLoss();
  return isOffline.follow((isLost) => {
    if (isLost) return;
    history.replaceState({ isReloaded: true }, '');
    location.reload();
  });
}

const deadLetters = () => import('./pages/dead-letters.tsx');
const queues = () => import('./pages/queues.tsx');
const schedules = () => import('./pages/schedules.tsx');
const flow = () => import('./pages/flow-control.tsx');
const destinations = () => import('./pages/destinations.tsx');

/** Pages by their path; `:id` stands for one segment. */
const routes: readonly (readonly [path: string, page: Page])[] = [
  ['/', Overview],
  ['/messages', Messages],
  ['/messages/:id', lazy(async () => (await import('./pages/message.tsx')).Message)],
  ['/send', lazy(async () => (await import('./pages/send.tsx')).Send)],
  ['/dead-letters', lazy(async () => (await deadLetters()).DeadLetters)],
  ['/dead-letters/:id', lazy(async () => (await import('./pages/dead-letter.tsx')).DeadLetter)],
  ['/queues', lazy(async () => (await queues()).Queues)],
  ['/queues/:id', lazy(async () => (await queues()).Queue)],
  ['/groups', lazy(async () => (await import('./pages/groups.tsx')).Groups)],
  ['/groups/:id', lazy(async () => (await import('./pages/group.tsx')).Group)],
  ['/schedules', lazy(async () => (await schedules()).Schedules)],
  ['/schedules/new', lazy(async () => (await import('./pages/new-schedule.tsx')).NewSchedule)],
  ['/schedules/:id', lazy(async () => (await schedules()).Schedule)],
  ['/flow-control', lazy(async () => (await flow()).FlowControl)],
  ['/flow-control/:id', lazy(async () => (await flow()).FlowKey)],
  ['/destinations', lazy(async () => (await destinations()).Destinations)],
  ['/destinations/:id', lazy(async () => (await destinations()).Destination)],
  ['/log', lazy(async () => (await import('./pages/log.tsx')).Log)],
  ['/settings', lazy(async () => (await import('./pages/settings.tsx')).Settings)],
];

function findPage(path: string): { Page: Page; id: string; key: string } {
  const parts = path.replace(/\/$/, '').split('/');
  for (const [pattern, Page] of routes) {
    const wanted = pattern.replace(/\/$/, '').split('/');
    if (wanted.length !== parts.length) continue;
    if (!wanted.every((part, index) => part === ':id' || part === parts[index])) continue;
    const at = wanted.indexOf(':id');
    const id = at < 0 ? '' : decode(parts[at] ?? '');
    return { Page, id, key: `${pattern} ${id}` };
  }
  return { Page: NotFound, id: path, key: 'none' };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function NotFound({ id }: { id: string }) {
  return (
    <>
      <PageHead title="Not found" />
      <p>
        There is no page {id}. <Link to="/messages">Look at the messages</Link>
      </p>
    </>
  );
}

function App() {
  const { path } = useLocation();
  const known = useStore(session);
  useEffect(() => {
    // The page that needs a session is opened again after the sign-in.
    const now = currentLocation.get();
    if (known === null && now.path !== '/sign-in') {
      const text = now.query.toString();
      navigate(`/sign-in?next=${encodeURIComponent(now.path + (text ? `?${text}` : ''))}`, { isReplaced: true });
    }
  }, [known, path]);
  if (path === '/sign-in' || known === null) {
    return (
      <>
        <SignIn />
        <Notices />
      </>
    );
  }
  if (known === undefined) {
    return (
      <>
        <Frame root={findRoot(path)}>
          <p class="muted">Loading…</p>
        </Frame>
        <Notices />
      </>
    );
  }
  const { Page, id, key } = findPage(path);
  return (
    <Shell>
      <Guard key={key}>
        <Page id={id} />
      </Guard>
    </Shell>
  );
}

/** A fault in one page leaves the rest of the console usable; "Refresh" and other pages try again. */
function Guard({ children }: { children: ComponentChildren }) {
  const [fault, reset] = useErrorBoundary() as [fault: unknown, reset: () => void];
  useEffect(
    () =>
      refreshes.follow(() => {
        // The reply that the page could not show is not shown again.
        forgetAll();
        reset();
      }),
    [],
  );
  if (fault === undefined) return <>{children}</>;
  return (
    <>
      <PageHead title="Something is wrong with this page" />
      <p role="alert" class="fault">
        {fault instanceof Error ? fault.message : 'The page cannot be shown.'}
      </p>
      <p>
        <Link to="/messages">Look at the messages</Link>
      </p>
    </>
  );
}

/**
 * The link that `npm start` prints has a code in its fragment, which no server and no history keeps.
 *
 * @returns whether that has settled who the reader is
 */
async function redeemCode(): Promise<boolean> {
  const code = /^#code=([\w-]+)$/.exec(location.hash)?.[1];
  if (code === undefined) return false;
  history.replaceState(null, '', location.pathname + location.search);
  try {
    await signIn({ code });
    return true;
  } catch (error) {
    await readSession().catch(() => undefined);
    if (!session.get()) complain(error instanceof Error ? new Error(error.message) : error);
    return session.get() !== undefined;
  }
}

/** Finds out who the reader is. */
async function identify(): Promise<void> {
  if (await redeemCode()) return;
  while (session.get() === undefined) {
    await readSession().catch(() => undefined);
    if (session.get() === undefined) await sleep(1000);
  }
}

/** Between two pages that are loaded in advance. */
const restMs = 300;

/** Loads the other pages one after the other, while the browser has nothing else to do. */
async function loadRest(): Promise<void> {
  for (const load of loads.values()) {
    await sleep(restMs);
    await untilIdle();
    await load().catch(() => undefined);
  }
}

/** What is read at first is waited for so long: a page that is drawn without it is drawn twice. */
const patienceMs = 1000;

async function start(): Promise<void> {
  const paths = listAhead().filter((path) => path !== '/console/session');
  const load = loads.get(findPage(currentLocation.get().path).Page);
  const identified = identify();
  await Promise.race([
    Promise.all([identified, load?.().catch(() => undefined), ...paths.map(readAhead)]),
    sleep(patienceMs),
  ]);
  const root = document.querySelector('#app');
  if (root) render(<App />, root);
  startShortcuts();
  startLive(paths.length > 0);
  await identified;
  await loadRest();
}

// The link may also be opened in a tab that shows the console already: only the fragment changes then.
addEventListener('hashchange', () => void redeemCode());
// Another tab may have signed in with another token, and the clock of this machine may have been set.
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible' && session.get() !== undefined) void readSession().catch(() => undefined);
});
void start();
