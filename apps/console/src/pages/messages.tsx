import type { MessageSummary, Queue, Stats } from '@posthorn/shared';
import { formatQuery, serverNow } from '../api.ts';
import { readCounted } from '../counted.ts';
import { useResource } from '../data.ts';
import { parseDestination } from '../destination.ts';
import { MessagesOverTime, useRange } from '../figure.tsx';
import { formatNumber, parseInstant } from '../format.ts';
import { Link, segment, setQuery, usePlace } from '../router.tsx';
import { timeZone } from '../settings.ts';
import { useStore } from '../store.ts';
import { Button } from '../components/button.tsx';
import { Fallback } from '../components/fallback.tsx';
import { Field, Select } from '../components/field.tsx';
import { LiveSwitch } from '../components/live-switch.tsx';
import { messageRows, MessagesTable } from '../components/messages-table.tsx';
import { PageHead } from '../components/page-head.tsx';
import { Pager } from '../components/pager.tsx';
import { messageStates } from '../components/state.tsx';
import { useTyped } from '../components/use-typed.ts';

const pageSize = 100;

interface Page {
  messages: MessageSummary[];
  cursor?: string;
}

export function Messages() {
  const { query } = usePlace();
  const get = (name: string) => query.get(name) ?? '';
  const [destination, setDestination] = useTyped('destination');
  const [label, setLabel] = useTyped('label');
  const [from, setFrom] = useTyped('from');
  const [to, setTo] = useTyped('to');
  const zone = useStore(timeZone);
  const cursor = get('cursor');
  const queues = useResource<Queue[]>('/v2/queues');

  const readTime = (name: string, roundAge: (minutes: number) => number) =>
    parseInstant(get(name), { now: serverNow(), timeZone: zone, roundAge });
  const [fromDate, toDate] = [readTime('from', Math.floor), readTime('to', Math.ceil)];
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
  const stats = useResource<Stats>(`/v2/stats${formatQuery({ ...range, ...counted.query })}`, { isLive: true });
  const top = useResource<Stats>(`/v2/stats${formatQuery({ ...range, groupBy: 'host', top: 5 })}`, { everyMs: 15_000 });
  const hosts = top.data?.top ?? [];
  const isFiltered = [...query.keys()].some((name) => name !== 'cursor' && name !== 'range');
  const { data } = list;

  return (
    <>
      <PageHead title="Messages">
        <LiveSwitch />
      </PageHead>
      <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
        <Select
          label="State"
          value={get('state')}
          onValue={(state) => setQuery({ state })}
          options={[['', 'Any'], ...messageStates.map((state) => [state, state] as const)]}
        />
        <Select
          label="Queue"
          value={get('queue')}
          onValue={(queue) => setQuery({ queue })}
          options={[['', 'Any'], ...listNames(queues.data, get('queue')).map((name) => [name, name] as const)]}
        />
        <Field
          label="Destination"
          placeholder="host or URL"
          value={destination}
          onInput={(event) => setDestination(event.currentTarget.value)}
        />
        <Field label="Label" value={label} onInput={(event) => setLabel(event.currentTarget.value)} />
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
        <Button
          isOff={!isFiltered}
          onClick={() => setQuery(Object.fromEntries([...query.keys()].map((name) => [name, undefined])))}
        >
          Clear filters
        </Button>
      </form>
      <OtherFilters query={query} />
      {stats.data ? (
        <MessagesOverTime stats={stats.data} label={counted.label} isStale={stats.isStale} isFixed={hasTimes} />
      ) : null}
      {hosts.length > 0 ? (
        <p class="top">
          {Object.values(fields).some(Boolean) ? 'Of all messages, most: ' : 'Most messages: '}
          {hosts.map(({ key, count }) => (
            <Link key={key} to={`/messages${formatQuery({ destination: key })}`} class="chip">
              {key} {formatNumber(count)}
            </Link>
          ))}
        </p>
      ) : null}
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
        <Fallback error={list.error} what="" />
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
