import type { LogEntryView } from '@posthorn/shared';
import { formatQuery, isOffline, isReachable, reportLoss, send, session, type Session } from './api.ts';
import { currentLocation } from './router.tsx';
import { watchSilence, type Silence } from './silence.ts';
import { sleep } from './sleep.ts';
import { createStore } from './store.ts';

/** Whether lists follow what happens; the reader can switch it off. */
export const isLive = createStore(true);
/** Counts up when the log has changed, at most about once in a second. */
export const changes = createStore(0);
/** Counts up when entries of the log may not have come through the stream. */
export const gaps = createStore(0);
const reportGap = () => gaps.set(gaps.get() + 1);

const listeners = new Set<(entry: LogEntryView) => void>();
/** Entries in a second that are enough to know that something has changed. */
const fewEntries = 20;

/** Calls for every new entry of the log, as long as it is not ended by the function that it returns. */
export function followEntries(listener: (entry: LogEntryView) => void): () => void {
  listeners.add(listener);
  update();
  return () => {
    listeners.delete(listener);
    update();
  };
}

/** The first change is shown after 100 ms; those that follow within this time are shown together. */
const gatherMs = 1200;
const firstAfterMs = 100;
/** The server writes its counters, and keeps its overview, for a second: then the change is looked at once more. */
const settleMs = 1400;
const restMs = 400;

/** The first change that was not reported yet, and the last of all. */
let firstAt: number | undefined;
let lastAt = -Infinity;
let reportedAt = -Infinity;
let timer: ReturnType<typeof setTimeout> | undefined;

function reportChange(): void {
  lastAt = performance.now();
  firstAt ??= lastAt;
  plan();
}

function plan(): void {
  clearTimeout(timer);
  const isSettled = reportedAt >= lastAt + settleMs;
  const dueAt = Math.min(
    firstAt === undefined ? Infinity : Math.max(firstAt + firstAfterMs, reportedAt + gatherMs),
    isSettled ? Infinity : Math.max(lastAt + settleMs, reportedAt + restMs),
  );
  if (dueAt === Infinity) return;
  timer = setTimeout(
    () => {
      firstAt = undefined;
      reportedAt = performance.now();
      changes.set(changes.get() + 1);
      plan();
    },
    Math.max(0, dueAt - performance.now()) + 1,
  );
}

/** The server sends a comment every 15 s: a stream that is silent for so long is dead. */
const maxSilenceMs = 40_000;

let current: { isFull: boolean; silence: Silence } | undefined;
let lastId: string | undefined;
/** Something may have changed since the page was read, before the stream was open. */
let mayHaveMissed = false;
/** The log is shown within this time after the session is known, as a rule. */
const logMs = 1000;

/** One stream for the whole tab: open while the tab is visible, signed in and live. In full only for who shows its entries. */
function update(): void {
  const isWanted = isLive.get() && Boolean(session.get()) && document.visibilityState === 'visible' && !isOffline.get();
  const isFull = listeners.size > 0;
  if (isWanted ? current?.isFull === isFull : !current) return;
  current?.silence.end();
  current = undefined;
  if (!isWanted) return;
  void run(isFull);
}

async function run(isFull: boolean): Promise<void> {
  for (;;) {
    const silence = watchSilence(maxSilenceMs);
    current = { isFull, silence };
    try {
      await read(isFull, silence);
    } catch {
      // The stream ends with the server, with the session, or with the network.
      // A proxy may hold its events back although the server answers.
      if (silence.signal.aborted && !silence.isEnded() && !(await isReachable())) reportLoss();
    }
    if (!silence.isEnded()) await sleep(1000);
    if (silence.isEnded()) return;
    silence.end();
  }
}

async function read(isFull: boolean, silence: Silence): Promise<void> {
  // A page that only follows changes needs no entry of the past.
  if (!isFull) lastId = undefined;
  const headers: Record<string, string> = lastId === undefined ? {} : { 'Last-Event-ID': lastId };
  const query = formatQuery({ trimBody: 0, maxPerSecond: isFull ? undefined : fewEntries });
  const response = await send(`/v2/logs/stream${query}`, { headers, silence });
  if (lastId === undefined) reportGap();
  if (mayHaveMissed) reportChange();
  mayHaveMissed = true;
  let rest = '';
  await silence.read(response, (part) => {
    const events = (rest + part).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) take(event);
  });
}

function take(event: string): void {
  const fields = Object.fromEntries(
    event.split('\n').map((line): [string, string] => {
      const at = line.indexOf(': ');
      return [line.slice(0, at), line.slice(at + 2)];
    }),
  );
  if (fields['id']) lastId = fields['id'];
  if (fields['event'] === 'line' && fields['data']) {
    const entry = JSON.parse(fields['data']) as LogEntryView;
    for (const listener of listeners) listener(entry);
  }
  if (fields['event'] === 'skipped') reportGap();
  if (fields['event']) reportChange();
}

/** @param hasRead whether the page was read already */
export function startLive(hasRead: boolean): void {
  mayHaveMissed = hasRead;
  for (const store of [isLive, isOffline]) store.follow(update);
  const followSession = (now: Session | null | undefined) => {
    if (!now) lastId = undefined;
    // The log opens its own stream as soon as it is shown; another page must not miss what happens while it reads.
    if (now && currentLocation.get().path === '/log') setTimeout(update, logMs);
    else update();
  };
  session.follow(followSession);
  document.addEventListener('visibilitychange', () => {
    // Behind a hidden tab much may have happened.
    if (document.visibilityState === 'visible') reportChange();
    update();
  });
  followSession(session.get());
}
