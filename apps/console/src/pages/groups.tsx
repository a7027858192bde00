import type { Stats, UrlGroup } from '@posthorn/shared';
import { formatQuery } from '../api.ts';
import { countsMs, stateMs, useResource } from '../data.ts';
import { useDraft, type Draft } from '../drafts.ts';
import { Link, navigate, segment } from '../router.tsx';
import { Dialog } from '../components/dialog.tsx';
import { addEndpoint, formatRate, type Counts } from '../components/endpoints.ts';
import { Fallback } from '../components/fallback.tsx';
import { Field } from '../components/field.tsx';
import { LiveSwitch } from '../components/live-switch.tsx';
import { report } from '../components/notice.ts';
import { PageHead } from '../components/page-head.tsx';
import { Table } from '../components/table.tsx';
import { Time } from '../components/time.tsx';
import { useCanWrite } from '../components/use-can-write.ts';
import { useSave } from '../components/use-save.ts';

/** Groups whose counts are read: those with the most messages. */
const maxCounted = 50;
/** In periods of two hours, a day has so few of them that the reply has a series for each group. */
const groupCounts = formatQuery({ groupBy: 'topicName', top: maxCounted, step: 2 * 3_600_000 });

/** Attempts of each URL group, by its name. */
const sumByGroup = (stats: Stats | undefined): Map<string, Counts> =>
  new Map(
    (stats?.series ?? []).map(({ key, points }) => [
      key,
      {
        attempts: points.reduce((sum, point) => sum + point.attempts, 0),
        errors: points.reduce((sum, point) => sum + point.errors, 0),
      },
    ]),
  );

export function Groups() {
  const canWrite = useCanWrite();
  const { data, error } = useResource<UrlGroup[]>('/v2/topics', {
    everyMs: stateMs,
    rows: (groups) => groups.map(({ name }) => name),
  });
  const counts = sumByGroup(useResource<Stats>(`/v2/stats${groupCounts}`, { isLive: true, everyMs: countsMs }).data);
  // With the dialog open the session may end: it is open again after the sign-in.
  const dialog = useDraft('/groups', { isOpen: false, name: '', url: '' });
  return (
    <>
      <PageHead title="URL groups">
        <LiveSwitch />
        {canWrite ? (
          <button type="button" onClick={() => dialog.change({ isOpen: true })}>
            Create URL group
          </button>
        ) : null}
      </PageHead>
      {dialog.value.isOpen ? <CreateDialog form={dialog} /> : null}
      {data ? (
        <Table
          label="URL groups"
          columns={[
            { title: 'Name' },
            { title: 'Endpoints', isNumber: true },
            { title: 'Success', isNumber: true },
            { title: 'Default headers' },
            { title: 'Created' },
            { title: 'Last change' },
          ]}
          isEmpty={data.length === 0}
          empty="There is no URL group. A message to a group goes to all of its endpoints; create one with its first endpoint."
        >
          {data.map((group) => (
            <tr key={group.name}>
              <td>
                <Link to={`/groups/${segment(group.name)}`}>{group.name}</Link>
              </td>
              <td class="number">{group.endpoints.length}</td>
              <td class="number">{formatRate(counts.get(group.name))}</td>
              <td>{Object.keys(group.headers ?? {}).join(', ') || <span class="muted">none</span>}</td>
              <td>
                <Time at={group.createdAt} />
              </td>
              <td>
                <Time at={group.updatedAt} />
              </td>
            </tr>
          ))}
        </Table>
      ) : (
        <Fallback error={error} />
      )}
      <p class="muted">
        Success is the share of attempts that succeeded in the last 24 hours.
        {data && data.length > maxCounted ? ` It is shown for the ${maxCounted} groups with the most messages.` : ''}
      </p>
    </>
  );
}

function CreateDialog({ form }: { form: Draft<{ name: string; url: string }> }) {
  const { name, url } = form.value;
  const { fault, save } = useSave();
  const create = async () => {
    await addEndpoint(name, url, '');
    form.reset();
    navigate(`/groups/${segment(name)}`);
    report(`Created URL group ${name}.`);
  };
  const isAboutName = fault?.startsWith('name') ?? false;
  return (
    <Dialog label="Create URL group" onClose={form.reset}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save(create);
        }}
      >
        <h2>Create URL group</h2>
        <Field
          label="Name"
          required
          data-focus
          value={name}
          fault={isAboutName ? fault : undefined}
          onInput={(event) => form.change({ name: event.currentTarget.value.trim() })}
        />
        <Field
          label="Endpoint URL"
          required
          value={url}
          fault={isAboutName ? undefined : fault}
          onInput={(event) => form.change({ url: event.currentTarget.value.trim() })}
        />
        <div class="actions end">
          <button type="button" onClick={form.reset}>
            Cancel
          </button>
          <button type="submit" class="primary">
            Create
          </button>
        </div>
      </form>
    </Dialog>
  );
}
