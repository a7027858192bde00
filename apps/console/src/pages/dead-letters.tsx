import type { DlqCause, DlqMessage } from '@posthorn/shared';
import { useEffect, useState } from 'preact/hooks';
import { formatQuery } from '../api.ts';
import { stateMs, useResource } from '../data.ts';
import { Link, segment, setQuery, useLocation } from '../router.tsx';
import { BulkActions, BulkProgress, type DeadLetterFilter } from '../components/bulk-actions.tsx';
import { Causes } from '../components/causes.tsx';
import { Fallback } from '../components/fallback.tsx';
import { Check, Select } from '../components/field.tsx';
import { Filters } from '../components/filters.tsx';
import { LiveSwitch } from '../components/live-switch.tsx';
import { PageHead } from '../components/page-head.tsx';
import { Pager } from '../components/pager.tsx';
import { Table } from '../components/table.tsx';
import { Tags } from '../components/tags.tsx';
import { Time } from '../components/time.tsx';
import { Url } from '../components/url.tsx';
import { useCanWrite } from '../components/use-can-write.ts';

interface Summary {
  total: number;
  groups: DlqCause[];
}

export function DeadLetters() {
  const { query } = useLocation();
  const get = (name: string) => query.get(name) ?? '';
  const canWrite = useCanWrite();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const cursor = get('cursor');
  const filter: DeadLetterFilter = {
    destination: get('destination'),
    label: get('label'),
    responseStatus: get('status'),
    cause: get('cause'),
  };
  const isFiltered = Object.values(filter).some(Boolean);
  // Deleting leaves no entry in the log.
  const options = { isLive: cursor === '', everyMs: stateMs };
  const list = useResource<{ messages: DlqMessage[]; cursor?: string }>(
    `/v2/dlq${formatQuery({ ...filter, cursor, count: 100, order: 'latestFirst' })}`,
    { ...options, rows: ({ messages }) => messages.map(({ dlqId }) => dlqId) },
  );
  const summary = useResource<Summary>('/v2/dlq/summary', {
    ...options,
    rows: ({ groups }) => groups.map(({ cause }) => cause),
  });
  const filtered = useResource<Summary>(isFiltered ? `/v2/dlq/summary${formatQuery(filter)}` : undefined, options);
  const matching = isFiltered ? filtered : summary;
  const entries = list.data?.messages ?? [];
  useEffect(() => setSelected(new Set()), [query.toString()]);
  const chosen = entries.filter(({ dlqId }) => selected.has(dlqId)).map(({ dlqId }) => dlqId);
  const total = matching.isStale ? undefined : matching.data?.total;

  const toggle = (dlqId: string, isOn: boolean) => {
    const next = new Set(selected);
    if (isOn) next.add(dlqId);
    else next.delete(dlqId);
    setSelected(next);
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
        <Fallback error={summary.error} />
      )}
      <BulkProgress />
      <Filters names={['destination', 'label', 'status', 'cause']}>
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
      </Filters>
      {canWrite ? (
        <BulkActions selected={chosen} filter={filter} total={total} onDone={() => setSelected(new Set())} />
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
          isStale={list.isStale}
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
                <small>{entry.method}</small> <Url text={entry.url} />
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
        <Fallback error={list.error} />
      )}
      {canWrite && entries.length > 0 ? (
        <Check
          label="Select all on this page"
          isOn={chosen.length === entries.length}
          onChange={(isOn) => setSelected(new Set(isOn ? entries.map(({ dlqId }) => dlqId) : []))}
        />
      ) : null}
      <Pager path="/dead-letters" next={list.data?.cursor} />
    </>
  );
}

const statusOf = ({ responseStatus = 0 }: DlqCause) => String(responseStatus);

function listStatuses(summary: Summary | undefined, chosen: string): string[] {
  const statuses = (summary?.groups ?? []).map(statusOf);
  return [...new Set([...statuses, ...(chosen === '' ? [] : [chosen])])].sort();
}
