import type { DestinationView, MessageSummary } from '@posthorn/shared';
import { ApiError, formatQuery, serverNow } from '../api.ts';
import { countsMs, useResource } from '../data.ts';
import { MessagesOverTime, useRange, useStats } from '../figure.tsx';
import { formatDuration, formatNumber, formatPercent } from '../format.ts';
import { Link, segment, setQuery, useLocation } from '../router.tsx';
import { Fact } from '../components/fact.tsx';
import { Fallback } from '../components/fallback.tsx';
import { Select } from '../components/field.tsx';
import { LiveSwitch } from '../components/live-switch.tsx';
import { messageRows, MessagesTable } from '../components/messages-table.tsx';
import { Missing } from '../components/missing.tsx';
import { PageHead } from '../components/page-head.tsx';
import { Pager } from '../components/pager.tsx';
import { Time } from '../components/time.tsx';
import { destinationRows, DestinationsTable } from './overview.tsx';

interface Page {
  destinations: DestinationView[];
  cursor?: string;
}

const hourMs = 3_600_000;

export function Destinations() {
  const { query } = useLocation();
  const order = query.get('order') ?? '';
  const cursor = query.get('cursor') ?? '';
  const { data, error, isStale } = useResource<Page>(`/v2/destinations${formatQuery({ order, cursor, count: 50 })}`, {
    isLive: true,
    everyMs: countsMs,
    rows: destinationRows,
  });
  return (
    <>
      <PageHead title="Destinations">
        <LiveSwitch />
      </PageHead>
      <form class="filters" aria-label="Order" onSubmit={(event) => event.preventDefault()}>
        <Select
          label="Sort by"
          value={order}
          onValue={(value) => setQuery({ order: value })}
          options={[
            ['', 'Errors'],
            ['attempts', 'Attempts'],
            ['slow', 'Duration'],
            ['name', 'Name'],
          ]}
        />
      </form>
      {data ? (
        <DestinationsTable label="Destinations of 24 hours" destinations={data.destinations} isStale={isStale} />
      ) : (
        <Fallback error={error} />
      )}
      <p class="muted">
        "Waiting" counts every message that has not ended, with those that are delayed or between retries.
      </p>
      <Pager path="/destinations" next={data?.cursor} first="First" more="More" />
    </>
  );
}

export function Destination({ id }: { id: string }) {
  const list = useResource<Page>(`/v2/destinations${formatQuery({ host: id })}`, { isLive: true, everyMs: countsMs });
  const stats = useStats(useRange(), { host: id });
  const messages = useResource<{ messages: MessageSummary[] }>(`/v2/messages${formatQuery({ host: id, count: 20 })}`, {
    isLive: true,
    rows: messageRows,
  });
  const [host] = list.data?.destinations ?? [];
  const isQuiet = list.data !== undefined && !host && messages.data?.messages.length === 0;
  // A host that was quiet for a day is known by the counts of a month.
  const monthAgo = Math.floor(serverNow() / hourMs - 30 * 24 + 1) * hourMs;
  const month = useResource<Page>(isQuiet ? `/v2/destinations${formatQuery({ host: id, from: monthAgo })}` : undefined);
  const isUnknown = isQuiet && month.data?.destinations.length === 0;
  if (!list.data || isUnknown)
    return (
      <Missing
        error={isUnknown ? new ApiError(404, '') : list.error}
        title={`Destination ${id}`}
        what={`The host ${id}`}
        to="/destinations"
        link="Look at all destinations"
      />
    );
  return (
    <>
      <PageHead title={`Destination ${id}`} />
      {host ? (
        <>
          <div class="now">
            <Fact name="Success" value={formatPercent(host.successRate)} />
            <Fact name="Attempts" value={formatNumber(host.attempts)} />
            <Fact name="p50" value={formatDuration(host.p50Ms)} />
            <Fact name="p95" value={formatDuration(host.p95Ms)} />
            <Fact name="Waiting" value={formatNumber(host.waiting)} />
            <Fact name="Dead" value={formatNumber(host.dead)} />
          </div>
          {host.lastError ? (
            <section aria-label="Last error" class="where retrying">
              <p>
                <Time at={host.lastError.time} />: {host.lastError.error} –{' '}
                <Link to={`/messages/${segment(host.lastError.messageId)}`}>{host.lastError.messageId}</Link>
              </p>
            </section>
          ) : null}
        </>
      ) : (
        <p class="muted">No attempt went to this host in the last 24 hours.</p>
      )}
      <MessagesOverTime {...stats} />
      <h2>Last messages</h2>
      {messages.data ? (
        <MessagesTable
          label="Last messages"
          messages={messages.data.messages.filter(({ messageId }) => messageId !== host?.lastError?.messageId)}
          isFiltered
        />
      ) : (
        <Fallback error={messages.error} />
      )}
      <p>
        <Link to={`/messages${formatQuery({ destination: id })}`}>All messages to this host</Link>
      </p>
    </>
  );
}
