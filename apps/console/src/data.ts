import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, call, isOffline, isRefusal, markBusy, markFailing, session } from './api.ts';
import { changes, isLive } from './live.ts';
import { announceRows, hold, isReading } from './reading.ts';
import { createStore, type Store } from './store.ts';

/** What changes without an entry in the log, such as a pause or a deletion, is read again so often. */
export const stateMs = 1500;
/** Counts over hours are read again so often. */
export const countsMs = 15_000;

/** Replies of the last pages, so that going back shows them at once. */
const known = new Map<string, unknown>();
const maxKnown = 40;

function remember(path: string, value: unknown): void {
  known.delete(path);
  known.set(path, value);
  const [oldest] = known.keys();
  if (known.size > maxKnown && oldest !== undefined) known.delete(oldest);
}

/** When replies came that no page has asked for yet. */
const readAheadAt = new Map<string, number>();
/** A page that opens takes such a reply for its own, if it is not older. */
const maxAheadMs = 1000;

/** Reads what the first page will ask for, so that it is drawn with its data. */
export async function readAhead(path: string): Promise<void> {
  try {
    remember(path, await call(path));
    readAheadAt.set(path, performance.now());
  } catch {
    // The page asks again, and tells the reader.
  }
}

/** After a sign-out nothing of the session stays. */
export const forgetAll = (): void => known.clear();

/** Counts up when the reader wants everything that is shown to be read again. */
export const refreshes = createStore(0);
export const refreshAll = (): void => refreshes.set(refreshes.get() + 1);
/** Counts up when everything should be read again, without moving rows under the reader. */
const rereads = createStore(0);
export const readAll = (): void => rereads.set(rereads.get() + 1);

export interface Resource<T> {
  data: T | undefined;
  error: ApiError | undefined;
  /** The data is that of the query before, until the reply to this one arrives. */
  isStale: boolean;
  refresh(): Promise<void>;
}

export interface ResourceOptions<T> {
  /** Reads again after changes, as long as the switch "Live" is on. */
  isLive?: boolean;
  /** Tells of those changes: new entries of the log by default. */
  signal?: Store<number>;
  /** Reads again so often, as long as the switch "Live" is on: for what changes without an entry in the log. */
  everyMs?: number | ((data: T | undefined) => number);
  /** What the reader has asked for: when only the path changes, as with time, what is shown is not stale. */
  scope?: string;
  /** Whether nothing of it will change by itself, so that it is read again only after changes. */
  isSettled?: (data: T) => boolean;
  /** Whether nothing will change it, so that it is not read again before the reader asks for it. */
  isFinal?: (data: T) => boolean;
  /** The reader waits for it, with or without "Live". */
  isAwaited?: boolean;
  /** Names of the rows in their order. A reply with other rows waits while the reader would lose their place. */
  rows?: (data: T) => readonly string[];
}

interface State<T> {
  path: string | undefined;
  scope?: string | undefined;
  data?: T | undefined;
  error?: ApiError | undefined;
  isStale: boolean;
  /** Replies may overtake each other: reads have numbers, and an older reply than the last is dropped. */
  sent: number;
  applied: number;
  running: number;
  /** Something has changed while a read was under way. */
  isDue: boolean;
  readAt: number;
  isSettled?: boolean;
  /** The page has gone: a reply that is still under way is dropped. */
  isEnded?: boolean;
  /** Ends what the page says about a read that has failed. */
  endNotice?: (() => void) | undefined;
}

/** An error that passes is tried again after so long. */
const againMs = 5000;
const mayPass = ({ status }: ApiError) => status === 429 || status >= 500;
/** Not said by the alert about the connection, or by the sign-in page. */
const isOwn = ({ status }: ApiError) => status !== 0 && status !== 401;

const withoutQuery = (path: string | undefined) => path?.split('?')[0];

function begin<T>(path: string | undefined, scope: string | undefined, before: State<T>): State<T> {
  const cached = path === undefined ? undefined : (known.get(path) as T | undefined);
  // Another page or filter of the same list: what is shown stays until the reply arrives.
  const isSameList = path !== undefined && withoutQuery(path) === withoutQuery(before.path);
  const data = cached ?? (isSameList ? before.data : undefined);
  const isSameScope = scope !== undefined && scope === before.scope;
  const isStale = cached === undefined && data !== undefined && !isSameScope;
  return { path, scope, data, isStale, sent: 0, applied: 0, running: 0, isDue: false, readAt: 0 };
}

const none = { path: undefined, isStale: false, sent: 0, applied: 0, running: 0, isDue: false, readAt: 0 };

/** Reads a path of the API and keeps it up to date; `undefined` reads nothing. What was read stays when a read fails. */
export function useResource<T>(path: string | undefined, options: ResourceOptions<T> = {}): Resource<T> {
  const { isLive: follows = false, signal = changes, isAwaited = false, scope } = options;
  const isPolled = options.everyMs !== undefined;
  const [, setCount] = useState(0);
  const state = useRef<State<T>>({ ...none });
  if (state.current.path !== path) state.current = begin(path, scope, state.current);
  const latest = useRef(options);
  latest.current = options;

  const read = useCallback(
    async (isAsked: boolean): Promise<void> => {
      const own = state.current;
      if (path === undefined || own.path !== path) return;
      if (!isAsked && own.running > 0) {
        own.isDue = true;
        return;
      }
      const number = ++own.sent;
      own.running++;
      own.readAt = performance.now();
      const isGone = () => own.isEnded === true || state.current !== own;
      const isOld = () => isGone() || number < own.applied;
      try {
        // Throws for a reply that the page cannot show either.
        const isFinal = () => own.error === undefined && own.data !== undefined && latest.current.isFinal?.(own.data);
        if (!isAsked && isFinal()) return;
        const data = await call<T>(path, { isBackground: !isAsked });
        if (!isOld()) {
          own.applied = number;
          remember(path, data);
          take(own, data, isAsked ? undefined : latest.current.rows, () => setCount((count) => count + 1));
        }
      } catch (error) {
        if (!(error instanceof ApiError)) return;
        if (!isOld()) refuse(own, error);
      } finally {
        own.running--;
      }
      if (isGone()) return;
      setCount((count) => count + 1);
      if (!own.isDue || own.running > 0) return;
      own.isDue = false;
      void read(false);
    },
    [path],
  );

  useEffect(() => {
    if (path === undefined) return undefined;
    const own = state.current;
    own.isEnded = false;
    const mayFollow = () => isAwaited || isLive.get();
    const aheadAt = readAheadAt.get(path) ?? -Infinity;
    readAheadAt.delete(path);
    if (performance.now() - aheadAt < maxAheadMs) own.readAt = aheadAt;
    else void read(true);
    const ends = [
      refreshes.follow(() => void read(true)),
      rereads.follow(() => void read(false)),
      isOffline.follow((isLost) => {
        if (!isLost) void read(false);
      }),
      session.follow((now) => {
        if (now) void read(true);
      }),
    ];
    if (follows) ends.push(signal.follow(() => mayFollow() && void read(false)));
    if (follows || isPolled) ends.push(isLive.follow((isOn) => isOn && void read(false)));
    let timer: ReturnType<typeof setTimeout>;
    const look = () => {
      const isFailing = own.error !== undefined && mayPass(own.error);
      const { everyMs = Infinity } = latest.current;
      const pollMs = typeof everyMs === 'function' ? everyMs(own.data) : everyMs;
      const pauseMs = isFailing ? againMs : mayFollow() && !own.isSettled ? pollMs : Infinity;
      const isIdle = own.running === 0 && document.visibilityState === 'visible' && !isOffline.get();
      if (isIdle && performance.now() - own.readAt >= pauseMs) void read(false);
      timer = setTimeout(look, 250);
    };
    look();
    return () => {
      own.isEnded = true;
      for (const end of ends) end();
      clearTimeout(timer);
      hold(own, undefined);
      own.endNotice?.();
    };
  }, [path, follows, signal, isPolled, isAwaited, read]);

  const { data, error, isStale } = state.current;
  state.current.isSettled = data !== undefined && options.isSettled?.(data) === true;
  return { data, error, isStale, refresh: () => read(true) };
}

/** Takes a reply: at once, or as what is held back while its rows would move what the reader looks at. */
function take<T>(own: State<T>, data: T, rows: ResourceOptions<T>['rows'], render: () => void): void {
  own.error = undefined;
  own.endNotice?.();
  own.endNotice = undefined;
  if (!rows || own.data === undefined || own.isStale) {
    show(own, data);
    return;
  }
  const before = rows(own.data);
  const after = rows(data);
  const shown = new Set(before);
  const count = after.filter((name) => !shown.has(name)).length;
  const isMoved = before.length !== after.length || before.some((name, index) => name !== after[index]);
  if (!isMoved || !isReading()) {
    announceRows(own, count);
    show(own, data);
    return;
  }
  hold(own, {
    count,
    show() {
      show(own, data);
      render();
    },
  });
}

function show<T>(own: State<T>, data: T): void {
  own.data = data;
  own.isStale = false;
  hold(own, undefined);
}

/** What was read stays, unless the server says that it is gone, or that there is nothing for this query. */
function refuse<T>(own: State<T>, error: ApiError): void {
  const isBusy = error.status === 429 || error.status === 503;
  const isKept = error.status !== 404 && !(own.isStale && isRefusal(error));
  own.error = error;
  own.endNotice?.();
  own.endNotice = isBusy ? markBusy() : isKept && own.data !== undefined && isOwn(error) ? markFailing() : undefined;
  if (isKept) return;
  if (own.path !== undefined) known.delete(own.path);
  own.data = undefined;
  own.isStale = false;
  hold(own, undefined);
}
