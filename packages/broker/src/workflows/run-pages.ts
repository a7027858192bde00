import { PosthornError, type RunView } from '@posthorn/shared';
import { formatCursor, listRuns, matchesRun, parseCursor, type RunFilter } from './run-list.ts';
import { readEntries } from './run-log.ts';
import type { RunParts } from './run-parts.ts';
import { viewRun } from './run-view.ts';
import { readRecords, type Run } from './runs.ts';

/** How much of a list one page has. */
export interface PageSize {
  count: number;
  /** About the bytes of the page; a single run may be larger. */
  maxBytes: number;
}

/** Runs that one request looks at; of more it gives a page that may be empty, and where to go on. */
const maxRead = 5000;

/**
 * A page of runs that match, newest first, and where to go on if there may be more (contract W21, P49).
 *
 * @throws {PosthornError} `invalid_request` for a cursor that is none
 */
export async function listRunViews(
  parts: RunParts,
  filter: RunFilter,
  { count, maxBytes }: PageSize,
  cursor?: string,
): Promise<{ runs: RunView[]; cursor?: string }> {
  const after = cursor ? parseCursor(cursor) : undefined;
  if (cursor && !after) throw new PosthornError('invalid_request', 'cursor: use the cursor of an earlier response');
  const runs: RunView[] = [];
  let bytes = 0;
  let read = 0;
  let last: Run | undefined;
  for await (const run of listRuns(parts, filter, after)) {
    const here = last ? { cursor: formatCursor(last) } : {};
    if (last && read++ === maxRead) return { runs, ...here };
    last = run;
    if (!matchesRun(run, filter) || !(await hasMessage(parts, run, filter.messageId))) continue;
    if (runs.length === count) return { runs, ...here };
    const view = await viewRun(parts, run);
    bytes += Buffer.byteLength(JSON.stringify(view));
    if (runs.length > 0 && bytes > maxBytes) return { runs, ...here };
    runs.push(view);
  }
  return { runs };
}

/** Whether the log of a run has one of these messages; any run has if none is asked for. */
async function hasMessage({ redis }: RunParts, run: Run, messageIds?: readonly string[]): Promise<boolean> {
  if (!messageIds) return true;
  return readRecords(redis, run, async (named) => {
    const entries = await readEntries(redis, named, 0);
    return entries.some(({ messageId }) => messageIds.includes(messageId));
  });
}
