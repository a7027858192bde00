import type { DlqCause, DlqMessage } from '@posthorn/shared';
import { useEffect, useId, useState } from 'preact/hooks';
import { call, formatQuery, serverNow } from '../api.ts';
import { refreshAll, useResource } from '../data.ts';
import { formatNumber } from '../format.ts';
import { isLive } from '../live.ts';
import { Link, segment, setQuery, usePlace } from '../router.tsx';
import { createStore, useStore } from '../store.ts';
import { confirm } from '../components/confirmation.tsx';
import { Fallback } from '../components/fallback.tsx';
import { Field, Select } from '../components/field.tsx';
import { isReading, LiveSwitch } from '../components/live-switch.tsx';
import { complain, report } from '../components/notice.ts';
import { PageHead } from '../components/page-head.tsx';
import { Table } from '../components/table.tsx';
import { Time } from '../components/time.tsx';
import { useCanWrite } from '../components/use-can-write.ts';
import { Tags, useTyped, withCursor } from './messages.tsx';

interface Summary {
  total: number;
  groups: DlqCause[];
}

/** Entries that one call retries or deletes. */
const batchSize = 100;

/** An action on many dead letters. It goes on when the reader looks at another page. */
interface Work {
  verb: 'Retried' | 'Deleted';
  done: number;
  total: number;
  isStopped: boolean;
}
const work = createStore<Work | undefined>(undefined);

type Filter = Record<string, string | number | undefined>;

/** Retries or deletes all that match and were there when it began, call by call. */
async function workOnAll(verb: Work['verb'], filter: Filter, total: number): Promise<void> {
  const toDate = Math.round(serverNow());
  let done = 0;
  work.set({ verb, done, total, isStopped: false });
  try {
    while (work.get()?.isStopped === false) {
      const query = formatQuery({ ...filter, toDate, count: batchSize });
      const count =
        verb === 'Retried'
          ? (await call<{ responses: unknown[] }>(`/v2/dlq/retry${query}`, { method: 'POST', retries: 5 })).responses
              .length
          : (await call<{ deleted: number }>(`/v2/dlq${query}`, { method: 'DELETE', retries: 5 })).deleted;
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
    refreshAll();
  }
}

export function DeadLetters() {
  const { query } = usePlace();
  const get = (name: string) => query.get(name) ?? '';
  const canWrite = useCanWrite();
  const live = useStore(isLive);
  const [destination, setDestination] = useTyped('destination');
  const [label, setLabel] = useTyped('label');
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const cursor = get('cursor');
  const filter: Filter = {
    destination: get('destination'),
    label: get('label'),
    responseStatus: get('status'),
    cause: get('cause'),
  };
  const options = { isLive: live && cursor === '', mustWait: isReading };
  const list = useResource<{ messages: DlqMessage[]; cursor?: string }>(
    `/v2/dlq${formatQuery({ ...filter, cursor, count: 100, order: 'latestFirst' })}`,
    options,
  );
  const summary = useResource<Summary>('/v2/dlq/summary', options);
  const matching = useResource<Summary>(`/v2/dlq/summary${formatQuery(filter)}`, options);
  const entries = list.data?.messages ?? [];
  const isFiltered = Object.values(filter).some(Boolean);
  useEffect(() => setSelected(new Set()), [query.toString()]);
  const chosen = entries.filter(({ dlqId }) => selected.has(dlqId)).map(({ dlqId }) => dlqId);
  const total = matching.data?.total ?? 0;
  const isWorking = useStore(work) !== undefined;

  const toggle = (dlqId: string, isOn: boolean) => {
    const next = new Set(selected);
    if (isOn) next.add(dlqId);
    else next.delete(dlqId);
    setSelected(next);
  };
  const count = (number: number) => `${formatNumber(number)} ${number === 1 ? 'message' : 'messages'}`;
  const actOnSelected = async (verb: Work['verb']) => {
    const ids = formatQuery({ dlqIds: chosen.join(',') });
    if (verb === 'Retried') await call(`/v2/dlq/retry${ids}`, { method: 'POST' });
    else await call(`/v2/dlq${ids}`, { method: 'DELETE' });
    report(`${verb} ${count(chosen.length)}.`);
    setSelected(new Set());
    refreshAll();
  };

  return (
    <>
      <PageHead title="Dead letters">
        <LiveSwitch />
      </PageHead>
      <h2>Failures by cause</h2>
      {summary.data ? (
        <Causes causes={summary.data.groups} isChosen={({ cause }) => cause === get('cause')} />
      ) : (
        <Fallback error={summary.error} what="" />
      )}
      <Progress />
      <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
        <Field
          label="Destination"
          placeholder="host or URL"
          value={destination}
          onInput={(event) => setDestination(event.currentTarget.value)}
        />
        <Field label="Label" value={label} onInput={(event) => setLabel(event.currentTarget.value)} />
        <Select
          label="Status"
          value={get('status')}
          onValue={(status) => setQuery({ status })}
          options={[
            ['', 'Any'],
            ...listStatuses(summary.data, get('status')).map(
              (status) => [status, status === '0' ? 'No response' : status] as const,
            ),
          ]}
        />
        <button
          type="button"
          disabled={!isFiltered}
          onClick={() => setQuery({ destination: undefined, label: undefined, status: undefined, cause: undefined })}
        >
          Clear filters
        </button>
      </form>
      {canWrite ? (
        <div class="actions">
          <button
            type="button"
            disabled={chosen.length === 0 || isWorking}
            onClick={() =>
              confirm({
                title: 'Retry the selected messages?',
                text: `${count(chosen.length)} will be published again, and removed from here.`,
                verb: 'Retry',
                act: () => actOnSelected('Retried'),
              })
            }
          >
            Retry selected
          </button>
          <button
            type="button"
            disabled={chosen.length === 0 || isWorking}
            onClick={() =>
              confirm({
                title: 'Delete the selected messages?',
                text: `${count(chosen.length)} will be lost.`,
                verb: 'Delete',
                act: () => actOnSelected('Deleted'),
              })
            }
          >
            Delete selected
          </button>
          <button
            type="button"
            disabled={total === 0 || isWorking}
            onClick={() =>
              confirm({
                title: 'Retry all matching messages?',
                text: `${count(total)} will be published again, and removed from here.`,
                verb: 'Retry',
                act: () => workOnAll('Retried', filter, total),
              })
            }
          >
            Retry all matching
          </button>
          <button
            type="button"
            disabled={total === 0 || isWorking}
            onClick={() =>
              confirm({
                title: 'Delete all matching messages?',
                text: `${count(total)} will be lost.`,
                verb: 'Delete',
                typed: String(total),
                act: () => workOnAll('Deleted', filter, total),
              })
            }
          >
            Delete all matching
          </button>
          <span class="muted">{count(total)} match</span>
        </div>
      ) : null}
      {list.waiting ? (
        <p>
          <button type="button" class="primary" onClick={list.show}>
            Show {countNew(list.waiting.messages, entries)} new
          </button>
        </p>
      ) : null}
      {list.data ? (
        <Table
          label="Dead letters"
          columns={[
            ...(canWrite ? [{ title: 'Select', isHidden: true }] : []),
            { title: 'Message' },
            { title: 'Destination' },
            { title: 'Status', isNumber: true },
            { title: 'Error' },
            { title: 'Attempts', isNumber: true },
            { title: 'Failed' },
          ]}
          isEmpty={entries.length === 0}
          empty={
            isFiltered
              ? 'No dead letter matches these filters.'
              : 'No message has finally failed. One appears here when its last retry fails.'
          }
        >
          {entries.map((entry) => (
            <tr key={entry.dlqId}>
              {canWrite ? (
                <td>
                  <input
                    type="checkbox"
                    aria-label={`Select ${entry.messageId}`}
                    checked={selected.has(entry.dlqId)}
                    onChange={(event) => toggle(entry.dlqId, event.currentTarget.checked)}
                  />
                </td>
              ) : null}
              <td>
                <Link to={`/dead-letters/${segment(entry.dlqId)}`} class="id">
                  {entry.messageId}
                </Link>
                <Tags labels={entry.labels} queueName={entry.queueName} />
              </td>
              <td class="url">
                <small>{entry.method}</small> {entry.url}
              </td>
              <td class="number">{entry.responseStatus || '–'}</td>
              <td>{entry.error ?? ''}</td>
              <td class="number">{entry.attempts ?? ''}</td>
              <td>
                <Time at={Number(entry.dlqId.split('-')[0])} />
              </td>
            </tr>
          ))}
        </Table>
      ) : (
        <Fallback error={list.error} what="" />
      )}
      {canWrite && entries.length > 0 ? (
        <p>
          <SelectAll
            isOn={chosen.length === entries.length}
            onChange={(isOn) => setSelected(new Set(isOn ? entries.map(({ dlqId }) => dlqId) : []))}
          />
        </p>
      ) : null}
      <nav aria-label="Pages" class="pages">
        {cursor === '' ? null : <Link to={`/dead-letters${withCursor(query, undefined)}`}>Newest</Link>}
        {list.data?.cursor === undefined ? null : (
          <Link to={`/dead-letters${withCursor(query, list.data.cursor)}`}>Older</Link>
        )}
      </nav>
    </>
  );
}

function SelectAll({ isOn, onChange }: { isOn: boolean; onChange: (isOn: boolean) => void }) {
  const id = useId();
  return (
    <>
      <input id={id} type="checkbox" checked={isOn} onChange={(event) => onChange(event.currentTarget.checked)} />{' '}
      <label for={id}>Select all on this page</label>
    </>
  );
}

function countNew(newer: readonly DlqMessage[], older: readonly DlqMessage[]): number {
  const before = new Set(older.map(({ dlqId }) => dlqId));
  return newer.filter(({ dlqId }) => !before.has(dlqId)).length;
}

const statusOf = ({ responseStatus = 0 }: DlqCause) => String(responseStatus);

function listStatuses(summary: Summary | undefined, chosen: string): string[] {
  const statuses = (summary?.groups ?? []).map(statusOf);
  return [...new Set([...statuses, ...(chosen === '' ? [] : [chosen])])].sort();
}

/** A click anywhere in a row filters by its cause; for the keyboard the host is a button. */
function Causes({ causes, isChosen }: { causes: readonly DlqCause[]; isChosen: (cause: DlqCause) => boolean }) {
  return (
    <Table
      label="Failures by cause"
      columns={[
        { title: 'Destination' },
        { title: 'Status', isNumber: true },
        { title: 'Error' },
        { title: 'Count', isNumber: true },
        { title: 'First' },
        { title: 'Last' },
      ]}
      isEmpty={causes.length === 0}
      empty="Nothing has failed for good. When messages do, this table says where and why."
    >
      {causes.map((cause) => {
        const isOn = isChosen(cause);
        const choose = () => setQuery({ cause: isOn ? undefined : cause.cause }, { isReplaced: false });
        return (
          <tr class={`choice ${isOn ? 'chosen' : ''}`} onClick={choose}>
            <td>
              <button
                type="button"
                class="text"
                aria-pressed={isOn}
                onClick={(event) => {
                  event.stopPropagation();
                  choose();
                }}
              >
                {cause.host}
              </button>
            </td>
            <td class="number">{cause.responseStatus ?? '–'}</td>
            <td>{cause.error}</td>
            <td class="number">{formatNumber(cause.count)}</td>
            <td>
              <Time at={cause.oldest} />
            </td>
            <td>
              <Time at={cause.newest} />
            </td>
          </tr>
        );
      })}
    </Table>
  );
}

function Progress() {
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
