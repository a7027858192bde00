import type { MessageSummary, Schedule as ScheduleView } from '@posthorn/shared';
import { useEffect, useId, useState } from 'preact/hooks';
import { ApiError, call, formatQuery } from '../api.ts';
import { useResource } from '../data.ts';
import { Link, navigate, segment } from '../router.tsx';
import { encodeHeader } from '../request.ts';
import { timeZone, zones } from '../settings.ts';
import { confirm } from '../components/confirmation.tsx';
import { Fallback } from '../components/fallback.tsx';
import { Field, Select } from '../components/field.tsx';
import { isReading, LiveSwitch } from '../components/live-switch.tsx';
import { complain, report } from '../components/notice.ts';
import { PageHead } from '../components/page-head.tsx';
import { Pairs } from '../components/pairs.tsx';
import { Table } from '../components/table.tsx';
import { Time } from '../components/time.tsx';
import { useCanWrite } from '../components/use-can-write.ts';
import { MessagesTable } from './messages.tsx';
import { Missing } from './queues.tsx';

interface Preview {
  next: number[];
  text: string;
}

async function act(scheduleId: string, verb: 'pause' | 'resume' | 'run', refresh: () => Promise<void>): Promise<void> {
  try {
    const reply = await call<{ messageId?: string } | undefined>(`/v2/schedules/${segment(scheduleId)}/${verb}`, {
      method: 'POST',
    });
    const { messageId } = reply ?? {};
    if (verb === 'run' && messageId !== undefined) {
      report(
        <>
          Published as <Link to={`/messages/${segment(messageId)}`}>{messageId}</Link>.
        </>,
      );
    } else report(`${verb === 'pause' ? 'Paused' : 'Resumed'} ${scheduleId}.`);
    await refresh();
  } catch (error) {
    complain(error);
  }
}

export function Schedules() {
  const canWrite = useCanWrite();
  const { data, error, refresh } = useResource<ScheduleView[]>('/v2/schedules', {
    isLive: true,
    everyMs: 10_000,
    mustWait: isReading,
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
            { title: 'Destination' },
            { title: 'State' },
            { title: 'Next' },
            { title: 'Last' },
            ...(canWrite ? [{ title: 'Actions', isHidden: true }] : []),
          ]}
          isEmpty={data.length === 0}
          empty="There is no schedule. A schedule publishes a message at the times of a cron expression."
        >
          {data.map((schedule) => {
            const { scheduleId, isPaused, lastScheduleTime } = schedule;
            return (
              <tr key={scheduleId}>
                <td>
                  <Link to={`/schedules/${segment(scheduleId)}`}>{scheduleId}</Link>
                </td>
                <td>
                  <code>{schedule.cron}</code>
                </td>
                <td class="url">{schedule.destination}</td>
                <td>
                  {isPaused ? 'paused' : 'running'}
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
                    <button type="button" onClick={() => void act(scheduleId, isPaused ? 'resume' : 'pause', refresh)}>
                      {isPaused ? 'Resume' : 'Pause'} <span class="hidden">{scheduleId}</span>
                    </button>{' '}
                    <button type="button" onClick={() => void act(scheduleId, 'run', refresh)}>
                      Run now <span class="hidden">{scheduleId}</span>
                    </button>
                  </td>
                ) : null}
              </tr>
            );
          })}
        </Table>
      ) : (
        <Fallback error={error} what="" />
      )}
    </>
  );
}

export function Schedule({ id }: { id: string }) {
  const canWrite = useCanWrite();
  const { data, error, refresh } = useResource<ScheduleView>(`/v2/schedules/${segment(id)}`, {
    isLive: true,
    everyMs: 10_000,
  });
  const preview = useResource<Preview>(data ? `/v2/cron${formatQuery({ expression: data.cron })}` : undefined, {
    everyMs: 60_000,
  });
  const runs = useResource<{ messages: MessageSummary[] }>(
    `/v2/messages${formatQuery({ scheduleId: id, count: 20 })}`,
    { isLive: true },
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
  const zone = /^(?:CRON_)?TZ=(\S+)/.exec(data.cron)?.[1] ?? 'UTC';
  return (
    <>
      <PageHead title={`Schedule ${id}`}>
        {canWrite ? (
          <>
            <button type="button" onClick={() => void act(id, 'run', refresh)}>
              Run now
            </button>
            <button type="button" onClick={() => void act(id, data.isPaused ? 'resume' : 'pause', refresh)}>
              {data.isPaused ? 'Resume' : 'Pause'}
            </button>
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
          ['Time zone', zone],
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
      <MessagesTable
        label="Last runs"
        messages={runs.data?.messages ?? []}
        empty="It has published no message that the log still has."
      />
    </>
  );
}

function NextTimes({ times, empty }: { times: readonly number[]; empty: string }) {
  return (
    <>
      <ol aria-label="Next times" class="plain">
        {times.map((time) => (
          <li>
            <Time at={time} />
          </li>
        ))}
      </ol>
      {times.length === 0 && empty ? <p class="muted">{empty}</p> : null}
    </>
  );
}

interface Draft {
  destination: string;
  cron: string;
  zone: string;
  scheduleId: string;
  body: string;
}
/** What was typed stays when the session ends in between. */
let draft: Draft | undefined;

export function NewSchedule() {
  const canWrite = useCanWrite();
  const [form, setForm] = useState<Draft>(
    () => draft ?? { destination: '', cron: '', zone: timeZone.get(), scheduleId: '', body: '' },
  );
  const [preview, setPreview] = useState<Preview>();
  const [faults, setFaults] = useState<{ cron?: string; scheduleId?: string; destination?: string }>({});
  const bodyId = useId();
  const change = (changes: Partial<Draft>) => {
    const next = { ...form, ...changes };
    draft = next;
    setForm(next);
  };
  const expression = form.zone === 'UTC' ? form.cron.trim() : `CRON_TZ=${form.zone} ${form.cron.trim()}`;
  useEffect(() => {
    if (form.cron.trim() === '') {
      setPreview(undefined);
      setFaults(({ cron: _, ...rest }) => rest);
      return undefined;
    }
    let isOld = false;
    const timer = setTimeout(() => {
      call<Preview>(`/v2/cron${formatQuery({ expression })}`).then(
        (found) => {
          if (isOld) return;
          setPreview(found);
          setFaults(({ cron: _, ...rest }) => rest);
        },
        (error: unknown) => {
          if (isOld || !(error instanceof ApiError)) return;
          setPreview(undefined);
          setFaults((now) => ({ ...now, cron: error.message }));
        },
      );
    }, 250);
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
  }, [expression]);
  const create = async () => {
    try {
      const { scheduleId } = await call<{ scheduleId: string }>(`/v2/schedules/${form.destination}`, {
        method: 'POST',
        headers: {
          'Upstash-Cron': encodeHeader(expression),
          ...(form.scheduleId === '' ? {} : { 'Upstash-Schedule-Id': encodeHeader(form.scheduleId) }),
        },
        ...(form.body === '' ? {} : { body: form.body }),
      });
      draft = undefined;
      navigate(`/schedules/${segment(scheduleId)}`);
      report(`Created schedule ${scheduleId}.`);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status >= 500) complain(error);
      else if (/cron/i.test(error.message)) setFaults({ cron: error.message });
      else if (/schedule-id/i.test(error.message)) setFaults({ scheduleId: error.message });
      else setFaults({ destination: error.message });
    }
  };
  return (
    <>
      <PageHead title="New schedule" />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void create();
        }}
      >
        <fieldset disabled={!canWrite}>
          <Field
            label="Destination"
            required
            placeholder="https://example.com/hook, or the name of a URL group"
            value={form.destination}
            fault={faults.destination}
            onInput={(event) => change({ destination: event.currentTarget.value.trim() })}
          />
          <div class="row">
            <Field
              label="Cron"
              required
              placeholder="0 4 * * *"
              hint="minute, hour, day of the month, month, day of the week"
              value={form.cron}
              fault={faults.cron}
              onInput={(event) => change({ cron: event.currentTarget.value })}
            />
            <Select
              label="Time zone"
              value={form.zone}
              onValue={(zone) => change({ zone })}
              options={zones.map((zone) => [zone, zone])}
            />
            <Field
              label="Schedule id"
              placeholder="made up when empty"
              value={form.scheduleId}
              fault={faults.scheduleId}
              onInput={(event) => change({ scheduleId: event.currentTarget.value.trim() })}
            />
          </div>
          <p>{preview?.text ?? <span class="muted">The next times appear here while you type.</span>}</p>
          <NextTimes times={preview?.next ?? []} empty="" />
          <div class="field">
            <label for={bodyId}>Body</label>
            <textarea
              id={bodyId}
              rows={5}
              value={form.body}
              onInput={(event) => change({ body: event.currentTarget.value })}
            />
          </div>
          <button type="submit" class="primary">
            Create schedule
          </button>
        </fieldset>
      </form>
    </>
  );
}
