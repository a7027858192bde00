import type { DestinationView, Overview as OverviewData } from '@posthorn/shared';
import type { ComponentChildren } from 'preact';
import { countsMs, stateMs, useResource } from '../data.ts';
import { MessagesOverTime, useRange, useStats } from '../figure.tsx';
import { formatBytes, formatCount, formatDuration, formatNumber, formatPercent } from '../format.ts';
import { serverNow } from '../api.ts';
import { Link, segment } from '../router.tsx';
import { copy } from '../components/copy.ts';
import { Fallback } from '../components/fallback.tsx';
import { LiveSwitch } from '../components/live-switch.tsx';
import { PageHead } from '../components/page-head.tsx';
import { Table } from '../components/table.tsx';
import { Time } from '../components/time.tsx';

/** Hosts of a list of destinations. */
export const destinationRows = ({ destinations }: { destinations: readonly DestinationView[] }): string[] =>
  destinations.map(({ host }) => host);

export function Overview() {
  const overview = useResource<OverviewData>('/v2/overview', { isLive: true, everyMs: stateMs });
  const stats = useStats(useRange(overview.data?.log.oldest));
  const list = useResource<{ destinations: DestinationView[] }>('/v2/destinations?count=10', {
    isLive: true,
    everyMs: countsMs,
    rows: destinationRows,
  });
  const { data } = overview;
  const isNew = stats.data?.totals.accepted === 0 && data?.log.lines === 0;
  return (
    <>
      <PageHead title="Overview">
        <LiveSwitch />
      </PageHead>
      {isNew ? <FirstMessage /> : null}
      {data ? <Now data={data} /> : <Fallback error={overview.error} />}
      <MessagesOverTime {...stats} />
      <h2>Destinations</h2>
      {list.data ? (
        <DestinationsTable label="Destinations" destinations={list.data.destinations} />
      ) : (
        <Fallback error={list.error} />
      )}
      {data ? <System data={data} /> : null}
    </>
  );
}

function Now({ data }: { data: OverviewData }) {
  const { oldestWaiting: oldest, dlq } = data;
  const figure = (title: string, value: ComponentChildren, to: string, isBad = false) => (
    <Link to={to} class={`figure ${isBad ? 'bad' : ''}`}>
      <span>{title}</span> <b>{value}</b>
    </Link>
  );
  return (
    <section aria-label="Now" class="now">
      {figure('Waiting', formatNumber(data.waiting), '/messages?state=CREATED')}
      {figure('In flight', formatNumber(data.inFlight), '/messages?state=ACTIVE')}
      {figure('Retrying', formatNumber(data.retrying), '/messages?state=RETRY')}
      {figure('Dead letters', formatNumber(dlq.count), '/dead-letters', dlq.count > 0)}
      {figure(
        'Oldest waiting',
        oldest ? formatDuration(Math.max(0, serverNow() - oldest.since)) : 'none',
        oldest?.messageId === undefined ? '/messages' : `/messages/${segment(oldest.messageId)}`,
      )}
    </section>
  );
}

export function DestinationsTable({
  label,
  destinations,
  isStale = false,
}: {
  label: string;
  destinations: readonly DestinationView[];
  isStale?: boolean;
}) {
  return (
    <Table
      label={label}
      columns={[
        { title: 'Host' },
        { title: 'Success', isNumber: true },
        { title: 'Attempts', isNumber: true },
        { title: 'Errors', isNumber: true },
        { title: 'p50', isNumber: true },
        { title: 'p95', isNumber: true },
        { title: 'Waiting', isNumber: true },
        { title: 'Dead', isNumber: true },
        { title: 'Last error' },
      ]}
      isEmpty={destinations.length === 0}
      isStale={isStale}
      empty="No message was sent to any host in the last 24 hours. A host appears here after its first attempt."
    >
      {destinations.map((one) => (
        <tr key={one.host}>
          <td>
            <Link to={`/destinations/${segment(one.host)}`}>{one.host}</Link>
          </td>
          <td class="number">{formatPercent(one.successRate)}</td>
          <td class="number">{formatNumber(one.attempts)}</td>
          <td class="number">{formatNumber(one.errors)}</td>
          <td class="number">{formatDuration(one.p50Ms)}</td>
          <td class="number">{formatDuration(one.p95Ms)}</td>
          <td class="number">{formatNumber(one.waiting)}</td>
          <td class="number">{formatNumber(one.dead)}</td>
          <td>
            {one.lastError ? (
              <>
                <span class="inline">
                  <Time at={one.lastError.time} />
                </span>
                <div>{one.lastError.error}</div>
              </>
            ) : (
              <span class="muted">none</span>
            )}
          </td>
        </tr>
      ))}
    </Table>
  );
}

function System({ data }: { data: OverviewData }) {
  const { redis, dispatchers, queues, schedules, flowControl, log } = data;
  const share = redis.maxBytes ? ` of ${formatBytes(redis.maxBytes)}` : '';
  return (
    <section aria-label="System" class="cards">
      <div class="card">
        <h2>Dispatchers</h2>
        {dispatchers.length === 0 ? (
          <p class="fault">No dispatcher is running: nothing is delivered.</p>
        ) : (
          <ul class="plain">
            {dispatchers.map(({ id, startedAt, inFlight }) => (
              <li>
                {id}: {inFlight} in flight, started <Time at={startedAt} />
              </li>
            ))}
          </ul>
        )}
      </div>
      <div class="card">
        <h2>Redis</h2>
        <p>
          Memory: {formatBytes(redis.usedBytes)}
          {share}
        </p>
        <p>Durability: {redis.durability}</p>
        <p>
          Log: {formatNumber(log.lines)} {log.lines === 1 ? 'entry' : 'entries'}
          {log.oldest === undefined ? '' : ', the oldest from '}
          {log.oldest === undefined ? null : <Time at={log.oldest} />}
        </p>
      </div>
      <div class="card">
        <h2>Work</h2>
        <p>Delayed: {formatNumber(data.delayed)}</p>
        <p>
          {formatCount(queues.count, 'queue')} with {formatCount(queues.lag, 'message')}, {queues.paused} paused
        </p>
        <p>
          {formatCount(schedules.count, 'schedule')}, {schedules.paused} paused
          {schedules.next ? ', next ' : ''}
          {schedules.next ? <Time at={schedules.next.time} /> : null}
        </p>
        <p>
          {formatCount(flowControl.keys, 'flow-control key')}, {formatCount(flowControl.waiting, 'message')} waiting,{' '}
          {flowControl.paused} paused
        </p>
      </div>
    </section>
  );
}

function FirstMessage() {
  const command = `curl -X POST ${location.origin}/v2/publish/https://example.com/ \\\n  -H "Authorization: Bearer $QSTASH_TOKEN" -d 'hello'`;
  return (
    <section aria-label="First message" class="card first">
      <h2>There is no message yet</h2>
      <p>Publish one from a shell, with the token of the server in QSTASH_TOKEN:</p>
      <pre tabIndex={0}>{command}</pre>
      <div class="actions">
        <Link to="/send" class="button">
          Send the first message
        </Link>
        <button type="button" onClick={() => void copy(command, 'the command')}>
          Copy the command
        </button>
      </div>
    </section>
  );
}
