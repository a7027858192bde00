import type { HeaderMap } from '@posthorn/shared';
import { toHeaderMap } from './header-lists.ts';
import type { StoredWaiter } from './stored-waiter.ts';

/** A waiter as clients see it (contract W12). */
export interface WaiterView {
  url: string;
  deadline: number;
  headers: HeaderMap;
  timeoutUrl: string;
  timeoutBody?: string;
  timeoutHeaders: HeaderMap;
}

/** A waiter that was resumed (contract W13). */
export interface Notified {
  waiter: WaiterView;
  messageId: string;
  error: '';
  workflowRunId: string;
  workflowCreatedAt: number;
}

/** Waiters that one response shows: their number in a list, and their bytes. */
export const viewLimits = { maxWaiters: 1000, maxBytes: 4 * 1024 * 1024 };

export function viewWaiter(
  { url, deadline, headers, timeoutUrl, timeoutBody, timeoutHeaders }: StoredWaiter,
  runId: string,
): WaiterView {
  const { 'Upstash-Workflow-RunId': _, ...shown } = toHeaderMap(headers);
  const isRunId = (name: string) => name.toLowerCase() === 'upstash-workflow-runid';
  return {
    url,
    deadline,
    headers: {
      ...Object.fromEntries(Object.entries(shown).filter(([name]) => !isRunId(name))),
      'Upstash-Workflow-Runid': [runId],
    },
    timeoutUrl,
    ...(timeoutBody === undefined ? {} : { timeoutBody }),
    timeoutHeaders,
  };
}

export const countBytes = (view: WaiterView) => Buffer.byteLength(JSON.stringify(view));

/** Collects every waiter that was resumed. Beyond the bytes of one response they have neither headers nor bodies. */
export function createNotifiedList() {
  const notified: Notified[] = [];
  let bytes = 0;
  return {
    notified,
    add(one: Notified) {
      bytes += countBytes(one.waiter);
      notified.push(bytes > viewLimits.maxBytes ? { ...one, waiter: shorten(one) } : one);
    },
  };
}

function shorten({ waiter: { url, deadline, timeoutUrl }, workflowRunId }: Notified): WaiterView {
  return { url, deadline, headers: { 'Upstash-Workflow-Runid': [workflowRunId] }, timeoutUrl, timeoutHeaders: {} };
}
