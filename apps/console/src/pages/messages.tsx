import type { MessageSummary, Queue, Stats } from '@posthorn/shared';
import { useMemo } from 'preact/hooks';
import { formatQuery, serverNow } from '../api.ts';
import { readCounted } from '../counted.ts';
import { countsMs, refreshes, useResource } from '../data.ts';
import { parseDestination } from '../destination.ts';
import { MessagesOverTime, useRange, useStats } from '../figure.tsx';
import { formatNumber, parseInstant } from '../format.ts';
import { Link, segment, setQuery, useLocation } from '../router.tsx';
import { chosenZone } from '../settings.ts';
import { useStore } from '../store.ts';
import { Fallback } from '../components/fallback.tsx';
import { Field, Select } from '../components/field.tsx';
import { Filters, StateFilter } from '../components/filters.tsx';
import { LiveSwitch } from '../components/live-switch.tsx';
import { messageRows, MessagesTable } from '../components/messages-table.tsx';
import { PageHead } from '../components/page-head.tsx';
import { Pager } from '../components/pager.tsx';
import { useTyped } from '../components/use-typed.ts';

const pageSize = 100;

interface Page {
  messages: MessageSummary[];
  cursor?: string;
}

export function Messages() {
  const { query } = useLocation();
  const get = (name: string) => query.get(name) ?? '';
  const [from, setFrom] = useTyped('from');
  const [to, setTo] = useTyped('to');
  const zone = useStore(chosenZone);
  const cursor = get('cursor');
  const refreshed = useStore(refreshes);
  // An age is counted from when it was typed, or from the last refresh, so that the rows stay where they are.
  const useTime = (name: string, roundAge: (minutes: number) => number) =>
    useMemo(() => parseInstant(get(name), { now: serverNow(), zone, roundAge }), [get(name), zone, refreshed]);
  const [fromDate, toDate] = [useTime('from', Math.floor), useTime('to', Math.ceil)];
  const fault = (name: string, instant: number | undefined) =>
    get(name) !== '' && instant === undefined ? 'Type 2h, 2026-01-31 or 2026-01-31 14:00.' : undefined;
  const fields = {
    ...parseDestination(get('destination')),
    state: get('state'),
    queueName: get('queue'),
    label: get('label'),
    scheduleId: get('schedule'),
    flowControlKey: get('key'),
    topicName: get('group'),
  };
  const list = useResource<Page>(
    `/v2/messages${formatQuery({ ...fields, fromDate, toDate, cursor, count: pageSize })}`,
    {
      isLive: cursor === '',
      rows: messageRows,
    },
  );
  const counted = readCounted(fields);
  const hasTimes = fromDate !== undefined || toDate !== undefined;
  const range = useRange(undefined, { from: fromDate, to: toDate });
  const stats = useStats(range, counted.query);
  const top = useResource<Stats>(`/v2/stats${formatQuery({ ...range, groupBy: 'host', top: 5 })}`, {
    everyMs: countsMs,
  });
  const queues = useResource<Queue[]>('/v2/queues');
  const filterNames = [...query.keys()].filter((name) => name !== 'cursor' && name !== 'range');
  const isFiltered = filterNames.length > 0;
  const { data } = list;

  return (
    <>
      <PageHead title="Messages">
        <LiveSwitch />
      </PageHead>
      <Filters
        names={filterNames}
        before={
          <>
            <StateFilter />
            <Select
              label="Queue"
              value={get('queue')}
              onValue={(queue) => setQuery({ queue })}
              options={[['', 'Any'], ...listNames(queues.data, get('queue')).map((name) => [name, name] as const)]}
            />
          </>
        }
      >
        <Field
          label="From"
          placeholder="2h or 2026-01-31"
          value={from}
          fault={fault('from', fromDate)}
          onInput={(event) => setFrom(event.currentTarget.value)}
        />
        <Field
          label="To"
          placeholder="1h or 2026-01-31"
          value={to}
          fault={fault('to', toDate)}
          onInput={(event) => setTo(event.currentTarget.value)}
        />
      </Filters>
      <OtherFilters query={query} />
      <MessagesOverTime {...stats} label={counted.label} isFixed={hasTimes} />
      <p class="top">
        {Object.values(fields).some(Boolean) ? 'Of all messages, most: ' : 'Most messages: '}
        {top.data?.top.map(({ key, count }) => (
          <Link
            key={key}
            to={`/messages${formatQuery({ ...Object.fromEntries(query), cursor: undefined, destination: key })}`}
            class="chip"
          >
            {key} {formatNumber(count)}
          </Link>
        ))}
        {top.data?.top.length === 0 ? <span class="muted">none in this time</span> : null}
      </p>
      {data ? (
        <>
          <MessagesTable
            messages={data.messages}
            isFiltered={isFiltered}
            isMore={data.cursor !== undefined}
            isStale={list.isStale}
          />
          <Pager path="/messages" next={data.cursor} />
        </>
      ) : (
        <Fallback error={list.error} />
      )}
    </>
  );
}

/** Filters that other pages link to, which have no field here. */
const otherFilters = [
  ['group', 'URL group', '/groups'],
  ['schedule', 'schedule', '/schedules'],
  ['key', 'flow-control key', '/flow-control'],
] as const;

function OtherFilters({ query }: { query: URLSearchParams }) {
  const given = otherFilters.filter(([name]) => query.get(name));
  if (given.length === 0) return null;
  return (
    <p>
      Only messages of{' '}
      {given.map(([name, title, path], index) => (
        <span key={name}>
          {index === 0 ? '' : ' and '}
          {title} <Link to={`${path}/${segment(query.get(name) ?? '')}`}>{query.get(name)}</Link>
        </span>
      ))}
      .
    </p>
  );
}

function listNames(queues: Queue[] | undefined, chosen: string): string[] {
  const names = (queues ?? []).map(({ name }) => name);
  return chosen === '' || names.includes(chosen) ? names : [chosen, ...names];
}
