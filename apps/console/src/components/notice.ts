import type { ComponentChildren } from 'preact';
import { ApiError } from '../api.ts';
import { createStore } from '../store.ts';

/** What the console says about an action: announced once. */
export const notice = createStore<{ kind: 'status' | 'alert'; content: ComponentChildren } | undefined>(undefined);

export const report = (content: ComponentChildren): void => notice.set({ kind: 'status', content });
export const complain = (error: unknown): void => {
  // The sign-in page and the alert about the connection say it already.
  if (error instanceof ApiError && (error.status === 401 || error.status === 0)) return;
  notice.set({ kind: 'alert', content: error instanceof Error ? error.message : String(error) });
};
