import type { EventView } from '@posthorn/shared';
import { isOffline, send, session, sleep } from './api.ts';
import { createStore } from './store.ts';

/** Whether lists follow what happens; the reader can switch it off. */
export const isLive = createStore(true);
/** Counts up when the log has changed, at most about once in a second. */
export const changes = createStore(0);

const listeners = new Set<(line: EventView) => void>();

/** Calls for every new entry of the log, as long as it is not ended by the function that it returns. */
export function followLines(listener: (line: EventView) => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** The first change is shown after 100 ms; those that follow within this time are shown together. */
const gatherMs = 1200;
const firstAfterMs = 100;
let gathering = false;
let reportedAt = -gatherMs;

function reportChange(): void {
  if (gathering) return;
  gathering = true;
  setTimeout(
    () => {
      gathering = false;
      reportedAt = performance.now();
      changes.set(changes.get() + 1);
    },
    Math.max(firstAfterMs, reportedAt + gatherMs - performance.now()),
  );
}

let current: AbortController | undefined;
let lastId: string | undefined;

/** One stream for the whole tab: open while the tab is visible, signed in and live. */
function update(): void {
  const isWanted = isLive.get() && Boolean(session.get()) && document.visibilityState === 'visible' && !isOffline.get();
  if (isWanted === (current !== undefined)) return;
  if (!isWanted) {
    current?.abort();
    current = undefined;
    return;
  }
  current = new AbortController();
  void run(current.signal);
}

async function run(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await read(signal);
    } catch {
      // The stream ends with the server, with the session, or with the network.
    }
    await sleep(1000);
  }
}

async function read(signal: AbortSignal): Promise<void> {
  const headers: Record<string, string> = lastId === undefined ? {} : { 'Last-Event-ID': lastId };
  const response = await send('/v2/logs/stream?trimBody=0&maxPerSecond=20', { headers, signal });
  if (lastId !== undefined) reportChange();
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (rest + value).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) take(event);
  }
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
    const line = JSON.parse(fields['data']) as EventView;
    for (const listener of listeners) listener(line);
  }
  if (fields['event']) reportChange();
}

export function startLive(): void {
  for (const store of [isLive, isOffline]) store.follow(update);
  session.follow((now) => {
    if (!now) lastId = undefined;
    update();
  });
  document.addEventListener('visibilitychange', () => {
    // Behind a hidden tab much may have happened.
    if (document.visibilityState === 'visible') reportChange();
    update();
  });
  update();
}
