import type { MessageSummary, Schedule as ScheduleView } from '@posthorn/shared';
import { call, formatQuery } from '../api.ts';
import { stateMs, useResource } from '../data.ts';
import { Link, navigate, segment } from '../router.tsx';
import { confirm } from '../components/confirmation.tsx';
import { CronWords, readCronZone } from '../components/cron-words.tsx';
import { Fallback } from '../components/fallback.tsx';
import { LiveSwitch } from '../components/live-switch.tsx';
import { messageRows, MessagesTable } from '../components/messages-table.tsx';
import { Missing } from '../components/missing.tsx';
import { NextTimes, type Preview } from '../components/next-times.tsx';
import { complain, report } from '../components/notice.ts';
import { PageHead } from '../components/page-head.tsx';
import { Pairs } from '../components/pairs.tsx';
import { PauseButton } from '../components/pause-button.tsx';
import { formatPaused, State } from '../components/state.tsx';
import { Table } from '../components/table.tsx';
import { Time } from '../components/time.tsx';
import { Url } from '../components/url.tsx';
import { useCanWrite } from '../components/use-can-write.ts';

async function runNow(scheduleId: string, refresh: () => Promise<void>): Promise<void> {
  try {
    const reply = await call<{ messageId?: string }>(`/v2/schedules/${segment(scheduleId)}/run`, { method: 'POST' });
    const { messageId } = reply;
    if (messageId !== undefined) {
      report(
        <>
          Published as <Link to={`/messages/${segment(messageId)}`}>{messageId}</Link>.
        </>,
      );
    }
    await refresh();
  } catch (error) {
    complain(error);
  }
}

export function Schedules() {
  const canWrite = useCanWrite();
  const { data, error, refresh } = useResource<ScheduleView[]>('/v2/schedules', {
    isLive: true,
    everyMs: stateMs,
    rows: (schedules) => schedules.map(({ scheduleId }) => scheduleId),
  });
  return (
    <>
      <PageHead title="Schedules">
        <LiveSwitch />
        {canWrite ? (
          <Link to="/schedules/new" class="button">
            New schedule
          </Link>
        ) : null}
      </PageHead>
      {data ? (
        <Table
          label="Schedules"
          columns={[
            { title: 'Schedule' },
            { title: 'Cron' },
            { title: 'Time zone' },
            { title: 'Destination' },
            { title: 'State' },
            { title: 'Next' },
            { title: 'Last' },
            ...(canWrite ? [{ title: 'Actions', isHidden: true }] : []),
          ]}
          isEmpty={data.length === 0}
          empty={
            <>
              There is no schedule. A schedule publishes a message at the times of a cron expression:{' '}
              <Link to="/schedules/new">Create one</Link>.
            </>
          }
        >
          {data.map((schedule) => {
            const { scheduleId, isPaused, lastScheduleTime } = schedule;
            return (
              <tr key={scheduleId}>
                <td>
                  <Link to={`/schedules/${segment(scheduleId)}`}>{scheduleId}</Link>
                </td>
                <td>
                  <CronWords cron={schedule.cron} />
                </td>
                <td>{readCronZone(schedule.cron)}</td>
                <td class="url">
                  <Url text={schedule.destination} />
                </td>
                <td>
                  <State state={formatPaused(isPaused)} />
                  {schedule.error ? <div class="error">{schedule.error}</div> : null}
                </td>
                <td>
                  {isPaused ? <span class="muted">not while paused</span> : <Time at={schedule.nextScheduleTime} />}
                </td>
                <td>
                  {lastScheduleTime === undefined ? <span class="muted">never</span> : <Time at={lastScheduleTime} />}
                </td>
                {canWrite ? (
                  <td class="buttons">
                    <PauseButton base="/v2/schedules" name={scheduleId} isPaused={isPaused} refresh={refresh}>
                      <span class="hidden">{scheduleId}</span>
                    </PauseButton>{' '}
                    <button type="button" onClick={() => void runNow(scheduleId, refresh)}>
                      Run now <span class="hidden">{scheduleId}</span>
                    </button>
                  </td>
                ) : null}
              </tr>
            );
          })}
        </Table>
      ) : (
        <Fallback error={error} />
      )}
    </>
  );
}

export function Schedule({ id }: { id: string }) {
  const canWrite = useCanWrite();
  const { data, error, refresh } = useResource<ScheduleView>(`/v2/schedules/${segment(id)}`, {
    isLive: true,
    everyMs: stateMs,
  });
  const preview = useResource<Preview>(data ? `/v2/cron${formatQuery({ expression: data.cron })}` : undefined, {
    everyMs: 60_000,
  });
  const runs = useResource<{ messages: MessageSummary[] }>(
    `/v2/messages${formatQuery({ scheduleId: id, count: 20 })}`,
    { isLive: true, rows: messageRows },
  );
  if (!data)
    return (
      <Missing
        error={error}
        title={`Schedule ${id}`}
        what={`The schedule ${id}`}
        to="/schedules"
        link="Look at all schedules"
      />
    );
  const remove = () =>
    confirm({
      title: `Delete schedule ${id}?`,
      text: '1 schedule will publish no more messages. Messages that it has published stay.',
      verb: 'Delete',
      async act() {
        await call(`/v2/schedules/${segment(id)}`, { method: 'DELETE' });
        navigate('/schedules');
        report(`Deleted schedule ${id}.`);
      },
    });
  return (
    <>
      <PageHead title={`Schedule ${id}`}>
        {canWrite ? (
          <>
            <button type="button" onClick={() => void runNow(id, refresh)}>
              Run now
            </button>
            <PauseButton base="/v2/schedules" name={id} isPaused={data.isPaused} refresh={refresh} />
            <button type="button" onClick={remove}>
              Delete schedule
            </button>
          </>
        ) : null}
      </PageHead>
      <section aria-label="When" class="where">
        <p>
          {preview.data?.text ?? data.cron}
          {data.isPaused ? ' – paused' : ''}
        </p>
        {data.error ? <p class="fault">It could not publish the last time: {data.error}</p> : null}
      </section>
      <Pairs
        label="Schedule"
        pairs={[
          ['Cron', <code>{data.cron}</code>],
          ['Time zone', readCronZone(data.cron)],
          ['Destination', data.destination],
          ['Method', data.method],
          ['Retries', String(data.retries)],
          ...(data.body === undefined ? [] : [['Body', <pre tabIndex={0}>{data.body.slice(0, 5000)}</pre>] as const]),
        ]}
      />
      <h2>Next times</h2>
      <NextTimes
        times={data.isPaused ? [] : (preview.data?.next ?? [])}
        empty={data.isPaused ? 'None while it is paused.' : ''}
      />
      <h2>Last runs</h2>
      {runs.data ? (
        <MessagesTable
          label="Last runs"
          messages={runs.data.messages}
          empty='It has published no message that the log still has. "Run now" publishes one.'
        />
      ) : (
        <Fallback error={runs.error} />
      )}
    </>
  );
}
