import { formatDestination } from '@posthorn/shared/format-destination';
import { useEffect, useId, useState } from 'preact/hooks';
import { call, formatQuery, isRefusal } from '../api.ts';
import { useDraft } from '../drafts.ts';
import { navigate, segment } from '../router.tsx';
import { encodeHeader } from '../request.ts';
import { readZone } from '../settings.ts';
import { Field } from '../components/field.tsx';
import { NextTimes, type Preview } from '../components/next-times.tsx';
import { complain, report } from '../components/notice.ts';
import { PageHead } from '../components/page-head.tsx';
import { useCanWrite } from '../components/use-can-write.ts';
import { ZoneSelect } from '../components/zone-select.tsx';

interface Form {
  destination: string;
  cron: string;
  zone: string;
  scheduleId: string;
  body: string;
}
export function NewSchedule() {
  const canWrite = useCanWrite();
  const draft = useDraft<Form>('/schedules/new', {
    destination: '',
    cron: '',
    zone: readZone(),
    scheduleId: '',
    body: '',
  });
  const { value: form, change } = draft;
  const [preview, setPreview] = useState<Preview>();
  const [faults, setFaults] = useState<{ cron?: string; scheduleId?: string; destination?: string }>({});
  const bodyId = useId();
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
          if (isOld || !isRefusal(error)) return;
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
      const { scheduleId } = await call<{ scheduleId: string }>(
        `/v2/schedules/${formatDestination(form.destination)}`,
        {
          method: 'POST',
          headers: {
            'Upstash-Cron': encodeHeader(expression),
            ...(form.scheduleId === '' ? {} : { 'Upstash-Schedule-Id': encodeHeader(form.scheduleId) }),
          },
          ...(form.body === '' ? {} : { body: form.body }),
        },
      );
      draft.reset();
      navigate(`/schedules/${segment(scheduleId)}`);
      report(`Created schedule ${scheduleId}.`);
    } catch (error) {
      if (!isRefusal(error)) complain(error);
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
            <ZoneSelect value={form.zone} onValue={(zone) => change({ zone })} />
            <Field
              label="Schedule id"
              placeholder="generated when empty"
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
