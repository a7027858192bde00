import { ApiError, call, formatQuery, serverNow, type RequestOptions } from '../api.ts';
import { readAll, refreshAll } from '../data.ts';
import { formatNumber } from '../format.ts';
import { currentLocation } from '../router.tsx';
import { createStore, useStore } from '../store.ts';
import { Button } from './button.tsx';
import { confirm } from './confirmation.tsx';
import { complain, report } from './notice.ts';

/** Entries that one call retries or deletes. */
const batchSize = 100;
/** What is done twice finds only what is left. */
const patient = { retries: 5, isRepeatable: true };

/** An action on many dead letters. It goes on when the reader looks at another page. */
interface Work {
  verb: 'Retried' | 'Deleted';
  done: number;
  total: number;
  isStopped: boolean;
}
const work = createStore<Work | undefined>(undefined);

/** The query of the dead letters that are shown. */
export type DeadLetterFilter = Record<string, string | number | undefined>;

/** Acts on entries, and returns how many the server has retried or deleted. */
const act = async (verb: Work['verb'], query: string, options: RequestOptions = {}): Promise<number> =>
  verb === 'Retried'
    ? (await call<{ responses: unknown[] }>(`/v2/dlq/retry${query}`, { method: 'POST', ...options })).responses.length
    : (await call<{ deleted: number }>(`/v2/dlq${query}`, { method: 'DELETE', ...options })).deleted;

/** Entries can go between the moment when the server finds them and the moment when it reads them. */
const maxRaces = 5;

/**
 * Retries or deletes the entries that the reader was asked about, call by call: the server takes the oldest first.
 *
 * @param total how many entries the question named
 * @param toDate when it was asked
 */
async function workOnAll(verb: Work['verb'], filter: DeadLetterFilter, total: number, toDate: number): Promise<void> {
  const { path } = currentLocation.get();
  let done = 0;
  let races = 0;
  work.set({ verb, done, total, isStopped: false });
  try {
    while (work.get()?.isStopped === false) {
      const query = formatQuery({ ...filter, toDate, count: Math.min(batchSize, total - done) });
      let count: number;
      try {
        count = await act(verb, query, patient);
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 404 || ++races > maxRaces) throw error;
        continue;
      }
      races = 0;
      done += count;
      const now = work.get();
      if (now) work.set({ ...now, done });
      if (count === 0 || done >= total) break;
    }
    report(`${verb} ${formatNumber(done)} of ${formatNumber(total)} dead letters.`);
  } catch (error) {
    complain(error);
  } finally {
    work.set(undefined);
    // The rows of another page must not move because this has ended.
    if (currentLocation.get().path === path) refreshAll();
    else readAll();
  }
}

const formatMessages = (count: number) => `${formatNumber(count)} ${count === 1 ? 'message' : 'messages'}`;

/** Buttons that retry or delete the selected dead letters, or all that match the filter. */
export function BulkActions({
  selected,
  filter,
  total,
  onDone,
}: {
  /** Ids of dead letters. */
  selected: readonly string[];
  filter: DeadLetterFilter;
  /** How many match the filter; `undefined` until that is known. */
  total: number | undefined;
  /** Called when the selected ones are done. */
  onDone: () => void;
}) {
  const isWorking = useStore(work) !== undefined;
  const count = total ?? 0;
  const actOnSelected = async (verb: Work['verb']) => {
    report(`${verb} ${formatMessages(await act(verb, formatQuery({ dlqIds: selected.join(',') })))}.`);
    onDone();
    refreshAll();
  };
  const actOnAll = (verb: Work['verb']) => {
    const toDate = Math.round(serverNow());
    return () => workOnAll(verb, filter, count, toDate);
  };
  return (
    <div class="actions">
      <Button
        isOff={selected.length === 0 || isWorking}
        onClick={() =>
          confirm({
            title: 'Retry the selected messages?',
            text: `${formatMessages(selected.length)} will be published again, and removed from here.`,
            verb: 'Retry',
            act: () => actOnSelected('Retried'),
          })
        }
      >
        Retry selected
      </Button>
      <Button
        isOff={selected.length === 0 || isWorking}
        onClick={() =>
          confirm({
            title: 'Delete the selected messages?',
            text: `${formatMessages(selected.length)} will be lost.`,
            verb: 'Delete',
            act: () => actOnSelected('Deleted'),
          })
        }
      >
        Delete selected
      </Button>
      <Button
        isOff={count === 0 || isWorking}
        onClick={() =>
          confirm({
            title: 'Retry all matching messages?',
            text: `${formatMessages(count)} will be published again, and removed from here.`,
            verb: 'Retry',
            act: actOnAll('Retried'),
          })
        }
      >
        Retry all matching
      </Button>
      <Button
        isOff={count === 0 || isWorking}
        onClick={() =>
          confirm({
            title: 'Delete all matching messages?',
            text: `${formatMessages(count)} will be lost.`,
            verb: 'Delete',
            typed: String(count),
            act: actOnAll('Deleted'),
          })
        }
      >
        Delete all matching
      </Button>
      <span class="muted">{total === undefined ? '' : `${formatMessages(total)} match`}</span>
    </div>
  );
}

/** How far an action on all that match is, whatever page began it. */
export function BulkProgress() {
  const now = useStore(work);
  if (!now) return null;
  const { verb, done, total } = now;
  return (
    <div class="notice">
      <p>
        {verb} {formatNumber(done)} of {formatNumber(total)}
      </p>
      <progress value={done} max={Math.max(1, total)} aria-label={`${verb} dead letters`} />{' '}
      <button type="button" onClick={() => work.set({ ...now, isStopped: true })}>
        Stop
      </button>
    </div>
  );
}
