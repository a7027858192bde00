import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, call, isOffline, session } from './api.ts';
import { changes } from './live.ts';
import { createStore } from './store.ts';

/** Replies of the last pages, so that going back shows them at once. */
const known = new Map<string, unknown>();
const maxKnown = 40;

function remember(path: string, value: unknown): void {
  known.delete(path);
  known.set(path, value);
  const [oldest] = known.keys();
  if (known.size > maxKnown && oldest !== undefined) known.delete(oldest);
}

/** After a sign-out nothing of the session stays. */
export const forgetAll = (): void => known.clear();

/** Counts up when everything that is shown should be read again. */
const refreshes = createStore(0);
export const refreshAll = (): void => refreshes.set(refreshes.get() + 1);

export interface Resource<T> {
  data: T | undefined;
  error: ApiError | undefined;
  isLoading: boolean;
  /** A newer reply that is not shown yet, because the reader must not lose their place. */
  waiting: T | undefined;
  /** Shows the newer reply. */
  show(): void;
  refresh(): Promise<void>;
}

export interface ResourceOptions {
  /** Reads again after changes in the log, and every so many milliseconds. */
  isLive?: boolean;
  everyMs?: number;
  /** Whether a newer reply must wait until the reader asks for it. */
  mustWait?: () => boolean;
}

/** Reads a path of the API and keeps it up to date; `undefined` reads nothing. What was read stays when a read fails. */
export function useResource<T>(path: string | undefined, options: ResourceOptions = {}): Resource<T> {
  const { isLive = false, everyMs, mustWait } = options;
  const [, render] = useState(0);
  const state = useRef<{ path: string | undefined; data?: T; waiting?: T; error?: ApiError; isLoading: boolean }>({
    path: undefined,
    isLoading: false,
  });
  if (state.current.path !== path) {
    const cached = path === undefined ? undefined : (known.get(path) as T | undefined);
    state.current = { path, isLoading: path !== undefined, ...(cached === undefined ? {} : { data: cached }) };
  }
  const waitRef = useRef(mustWait);
  waitRef.current = mustWait;

  const read = useCallback(
    async (isAsked: boolean) => {
      if (path === undefined) return;
      try {
        const data = await call<T>(path);
        if (state.current.path !== path) return;
        remember(path, data);
        const isNew = JSON.stringify(data) !== JSON.stringify(state.current.data);
        const isHeld = !isAsked && state.current.data !== undefined && isNew && waitRef.current?.() === true;
        state.current = isHeld
          ? { path, isLoading: false, ...(state.current.data ? { data: state.current.data } : {}), waiting: data }
          : { path, isLoading: false, data };
      } catch (error) {
        if (state.current.path !== path || !(error instanceof ApiError)) return;
        state.current = { ...state.current, isLoading: false, error };
      }
      render((count) => count + 1);
    },
    [path],
  );

  useEffect(() => {
    if (path === undefined) return undefined;
    void read(true);
    const ends = [
      refreshes.follow(() => void read(true)),
      isOffline.follow((isLost) => {
        if (!isLost) void read(false);
      }),
      session.follow((now) => {
        if (now) void read(true);
      }),
    ];
    if (isLive) ends.push(changes.follow(() => void read(false)));
    if (everyMs !== undefined) {
      const timer = setInterval(() => {
        if (document.visibilityState === 'visible' && !isOffline.get()) void read(false);
      }, everyMs);
      ends.push(() => clearInterval(timer));
    }
    return () => {
      for (const end of ends) end();
    };
  }, [path, isLive, everyMs, read]);

  const { data, error, isLoading, waiting } = state.current;
  return {
    data,
    error,
    isLoading,
    waiting,
    show() {
      if (waiting === undefined) return;
      state.current = { path, isLoading: false, data: waiting };
      render((count) => count + 1);
    },
    refresh: () => read(true),
  };
}
