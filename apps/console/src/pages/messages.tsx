import type { MessageSummary, Queue, Stats } from '@posthorn/shared';
import { formatQuery, serverNow } from '../api.ts';
import { useResource } from '../data.ts';
import { parseDestination } from '../destination.ts';
import { MessagesOverTime, useRange } from '../figure.tsx';
import { formatNumber, parseInstant } from '../format.ts';
import { isLive } from '../live.ts';
import { Link, setQuery, usePlace } from '../router.tsx';
import { useStore } from '../store.ts';
import { Fallback } from '../components/fallback.tsx';
import { Field, Select } from '../components/field.tsx';
import { isReading, LiveSwitch } from '../components/live-switch.tsx';
import { MessagesTable } from '../components/messages-table.tsx';
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
  const live = useStore(isLive);
  const cursor = get('cursor');
  const queues = useResource<Queue[]>('/v2/queues');

  const place = parseDestination(get('destination'));
  const [fromDate, toDate] = ['from', 'to'].map((name) => parseInstant(get(name), serverNow()));
  const fault = (name: string, instant: number | undefined) =>
    get(name) !== '' && instant === undefined ? 'Type 2h, 2026-01-31 or 2026-01-31 14:00.' : undefined;
  const filter = {
    ...place,
    state: get('state'),
    queueName: get('queue'),
    label: get('label'),
    scheduleId: get('schedule'),
    flowControlKey: get('key'),
    topicName: get('group'),
    // A time that was typed as an age must not change the request every millisecond.
    fromDate: fromDate === undefined ? undefined : Math.floor(fromDate / 60_000) * 60_000,
    toDate: toDate === undefined ? undefined : Math.ceil(toDate / 60_000) * 60_000,
  };
  const list = useResource<Page>(`/v2/messages${formatQuery({ ...filter, cursor, count: pageSize })}`, {
    isLive: live && cursor === '',
    mustWait: isReading,
  });
  // Counts are kept for each field alone.
  const counted = {
    host: place.host,
    label: get('label'),
    queueName: get('queue'),
    flowControlKey: get('key'),
    topicName: get('group'),
  };
  const named = Object.entries(counted).filter(([, value]) => value);
  const one = named.length <= 1 ? Object.fromEntries(named) : {};
  const range = useRange();
  const stats = useResource<Stats>(
    `/v2/stats${formatQuery({ ...range, ...one, ...(named.length === 0 ? { groupBy: 'host', top: 5 } : {}) })}`,
    {
      isLive: live,
    },
  );
  const isFiltered = [...query.keys()].some((name) => name !== 'cursor' && name !== 'range');
  const { data, waiting } = list;
  const fresh = waiting ? countNew(waiting, data) : 0;

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
        <button
          type="button"
          disabled={!isFiltered}
          onClick={() => setQuery(Object.fromEntries([...query.keys()].map((name) => [name, undefined])))}
        >
          Clear filters
        </button>
      </form>
      {stats.data ? (
        <>
          <MessagesOverTime
            stats={{ ...stats.data, series: stats.data.series.length > 1 ? [sum(stats.data)] : stats.data.series }}
            label={named.length > 1 ? 'All messages over time' : 'Messages over time'}
          />
          {stats.data.top.length > 0 ? (
            <p class="top">
              Most messages:{' '}
              {stats.data.top.map(({ key, count }) => (
                <Link to={`/messages${formatQuery({ destination: key })}`} class="chip">
                  {key} {formatNumber(count)}
                </Link>
              ))}
            </p>
          ) : null}
        </>
      ) : null}
      {waiting ? (
        <p>
          <button type="button" class="primary" onClick={list.show}>
            Show {fresh} new
          </button>
        </p>
      ) : null}
      {data ? (
        <>
          <MessagesTable messages={data.messages} isFiltered={isFiltered} isMore={data.cursor !== undefined} />
          <Pager path="/messages" next={data.cursor} />
        </>
      ) : (
        <Fallback error={list.error} what="" />
      )}
    </>
  );
}

/** The series of the top values say nothing about the rest: the totals are drawn. */
function sum(stats: Stats): Stats['series'][number] {
  const [first] = stats.series;
  const points = (first?.points ?? []).map((point, index) =>
    stats.series.slice(1).reduce((total, { points: others }) => {
      const other = others[index];
      if (!other) return total;
      return {
        ...total,
        accepted: total.accepted + other.accepted,
        delivered: total.delivered + other.delivered,
        retries: total.retries + other.retries,
        failed: total.failed + other.failed,
        attempts: total.attempts + other.attempts,
      };
    }, point),
  );
  return { key: '', points };
}

function listNames(queues: Queue[] | undefined, chosen: string): string[] {
  const names = (queues ?? []).map(({ name }) => name);
  return chosen === '' || names.includes(chosen) ? names : [chosen, ...names];
}

function countNew(newer: Page, older: Page | undefined): number {
  const before = new Map((older?.messages ?? []).map(({ messageId, updatedAt }) => [messageId, updatedAt]));
  return newer.messages.filter(({ messageId, updatedAt }) => before.get(messageId) !== updatedAt).length;
}
