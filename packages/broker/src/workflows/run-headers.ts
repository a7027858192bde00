import { PosthornError } from '@posthorn/shared';

/** What the headers of a request say about the run that it belongs to (names in lower case, the first value counts). */
export interface RunHeaders {
  runId: string;
  isInit: boolean;
  /** The URL of the workflow, as the SDK names it. */
  url: string | undefined;
  isCall: boolean;
  /** The body is the envelope of an invocation. */
  isInvoke: boolean;
  /** The endpoint starts a run that was begun without an SDK. */
  isSecondPhase: boolean;
  /** The endpoint starts the run with its SDK, not at once. */
  asksForSdk: boolean;
  features: ReadonlySet<string>;
  /** Depth of invocations. */
  invokeCount: number;
  /** The step of a call. */
  callStepId: string | undefined;
}

const runIdName = 'upstash-workflow-runid';
const initName = 'upstash-workflow-init';

/** Maximum number of characters of the id of a run and of an event. */
export const maxNameLength = 256;

/**
 * Whether a request belongs to a run: it names one and says whether it begins it. With one of the two alone it is an
 * ordinary message.
 *
 * @param headers names and values in turn
 */
export function isRunRequest(headers: readonly string[]): boolean {
  let hasRunId = false;
  let hasInit = false;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (name.length !== runIdName.length && name.length !== initName.length) continue;
    const lowerName = name.toLowerCase();
    hasRunId ||= lowerName === runIdName;
    hasInit ||= lowerName === initName;
  }
  return hasRunId && hasInit;
}

/** @throws {PosthornError} `limit_exceeded` for an id that no path could name */
export function parseRunHeaders(headers: readonly string[]): RunHeaders {
  const first = new Map<string, string>();
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index]?.toLowerCase() ?? '';
    if (name.startsWith('upstash-') && !first.has(name)) first.set(name, headers[index + 1]?.trim() ?? '');
  }
  // Clients that hold two spellings of a name join their values.
  const one = (name: string) => first.get(name)?.split(',')[0]?.trim();
  const is = (name: string) => one(name)?.toLowerCase() === 'true';
  const runId = one(runIdName) ?? '';
  requireRunId(runId);
  const features = (first.get('upstash-feature-set') ?? '').split(',').map((text) => text.trim());
  return {
    runId,
    isInit: is(initName),
    url: first.get('upstash-workflow-url'),
    isCall: one('upstash-workflow-calltype') === 'toCallback',
    isInvoke: is('upstash-workflow-invoke'),
    isSecondPhase: is('upstash-workflow-trigger-by-sdk'),
    asksForSdk: is('upstash-workflow-unknown-sdk') || is('upstash-forward-upstash-workflow-unknown-sdk'),
    features: new Set(features),
    invokeCount: Number(one('upstash-forward-upstash-workflow-invoke-count') ?? 0) || 0,
    callStepId: one('upstash-callback-forward-upstash-workflow-stepid'),
  };
}

/**
 * An id travels raw in paths and in headers: nothing may stand in it that cuts either.
 *
 * @throws {PosthornError} `limit_exceeded`
 */
export function requireRunId(runId: string): void {
  if (runId.length <= maxNameLength && /^[!-~]+$/.test(runId) && !/[/?#%\\]/.test(runId)) return;
  throw new PosthornError(
    'limit_exceeded',
    `Upstash-Workflow-RunId: use 1 to ${maxNameLength} printable ASCII characters without blanks and / ? # % \\`,
  );
}
