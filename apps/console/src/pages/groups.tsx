import type { Stats, UrlGroup, UrlGroupStats } from '@posthorn/shared';
import { useState } from 'preact/hooks';
import { ApiError, call, formatQuery } from '../api.ts';
import { useResource } from '../data.ts';
import { useDraft, type Draft } from '../drafts.ts';
import { formatNumber, formatPercent } from '../format.ts';
import { Link, navigate, segment } from '../router.tsx';
import { confirm } from '../components/confirmation.tsx';
import { Dialog } from '../components/dialog.tsx';
import { Fallback } from '../components/fallback.tsx';
import { Field } from '../components/field.tsx';
import { LiveSwitch } from '../components/live-switch.tsx';
import { focusPlace } from '../components/focus.ts';
import { Missing } from '../components/missing.tsx';
import { complain, report } from '../components/notice.ts';
import { PageHead } from '../components/page-head.tsx';
import { Pairs } from '../components/pairs.tsx';
import { Table } from '../components/table.tsx';
import { Time } from '../components/time.tsx';
import { Url } from '../components/url.tsx';
import { useCanWrite } from '../components/use-can-write.ts';

const addEndpoint = (group: string, url: string, name: string) =>
  call(`/v2/topics/${segment(group)}/endpoints`, {
    method: 'POST',
    isRepeatable: true,
    body: { endpoints: [{ url, ...(name === '' ? {} : { name }) }] },
  });

interface Counts {
  attempts: number;
  errors: number;
}

const formatRate = ({ attempts, errors }: Counts = { attempts: 0, errors: 0 }): string =>
  attempts === 0 ? '–' : formatPercent(1 - errors / attempts);

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
    everyMs: 1500,
    rows: (groups) => groups.map(({ name }) => name),
  });
  const counts = sumByGroup(useResource<Stats>(`/v2/stats${groupCounts}`, { isLive: true, everyMs: 15_000 }).data);
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
        <Fallback error={error} what="" />
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
  const [fault, setFault] = useState<string>();
  const create = async () => {
    try {
      await addEndpoint(name, url, '');
      form.reset();
      navigate(`/groups/${segment(name)}`);
      report(`Created URL group ${name}.`);
    } catch (error) {
      if (error instanceof ApiError) setFault(error.message);
    }
  };
  const isAboutName = fault?.startsWith('name') ?? false;
  return (
    <Dialog label="Create URL group" onClose={form.reset}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void create();
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

export function Group({ id }: { id: string }) {
  const canWrite = useCanWrite();
  const { data, error, refresh } = useResource<UrlGroup>(`/v2/topics/${segment(id)}`, {
    everyMs: 1500,
    rows: ({ endpoints }) => endpoints.map(({ url }) => url),
  });
  const stats = useResource<UrlGroupStats>(`/v2/topics/${segment(id)}/stats`, { isLive: true, everyMs: 15_000 });
  const draft = useDraft(`/groups/${id}`, { url: '', name: '' });
  const { url, name } = draft.value;
  const [fault, setFault] = useState<string>();
  if (!data)
    return (
      <Missing
        error={error}
        title={`URL group ${id}`}
        what={`The URL group ${id}`}
        to="/groups"
        link="Look at all URL groups"
      />
    );
  const add = async () => {
    setFault(undefined);
    try {
      await addEndpoint(id, url, name);
      draft.reset();
      report(`Added ${url}.`);
      await refresh();
    } catch (thrown) {
      if (thrown instanceof ApiError && thrown.status < 500) setFault(thrown.message);
      else complain(thrown);
    }
  };
  const remove = (endpoint: string, index: number) =>
    confirm({
      title: 'Remove this endpoint?',
      text:
        data.endpoints.length === 1
          ? `1 endpoint, ${endpoint}, gets no more messages. It is the last one: the group goes with it.`
          : `1 endpoint, ${endpoint}, gets no more messages of this group.`,
      verb: 'Delete',
      async act() {
        await call(`/v2/topics/${segment(id)}/endpoints`, {
          method: 'DELETE',
          body: { endpoints: [{ url: endpoint }] },
        });
        report(`Removed ${endpoint}.`);
        if (data.endpoints.length === 1) navigate('/groups');
        else {
          await refresh();
          focusPlace('main td button', index);
        }
      },
    });
  const headers = Object.entries(data.headers ?? {}).map(([header, values]) => [header, values.join(', ')] as const);
  return (
    <>
      <PageHead title={`URL group ${id}`} />
      <Table
        label="Endpoints"
        columns={[
          { title: 'URL' },
          { title: 'Name' },
          { title: 'Success', isNumber: true },
          { title: 'Attempts', isNumber: true },
          { title: 'Errors', isNumber: true },
          ...(canWrite ? [{ title: 'Actions', isHidden: true }] : []),
        ]}
        isEmpty={data.endpoints.length === 0}
        empty="This group has no endpoint."
      >
        {data.endpoints.map((endpoint, index) => {
          const counts = stats.data?.endpoints.find(({ url: counted }) => counted === endpoint.url);
          return (
            <tr key={endpoint.url}>
              <td class="url">
                <Url text={endpoint.url} />
              </td>
              <td>{endpoint.name ?? ''}</td>
              <td class="number">{formatRate(counts)}</td>
              <td class="number">{counts ? formatNumber(counts.attempts) : '–'}</td>
              <td class="number">{counts ? formatNumber(counts.errors) : '–'}</td>
              {canWrite ? (
                <td>
                  <button
                    type="button"
                    aria-label={`Remove ${endpoint.url}`}
                    onClick={() => remove(endpoint.url, index)}
                  >
                    Remove
                  </button>
                </td>
              ) : null}
            </tr>
          );
        })}
      </Table>
      <p class="muted">
        Success, attempts and errors are those of messages to this group in the last 24 hours.{' '}
        <Link to={`/messages${formatQuery({ group: id })}`}>Messages to this group</Link>
      </p>
      {canWrite ? (
        <form
          class="row"
          aria-label="New endpoint"
          onSubmit={(event) => {
            event.preventDefault();
            void add();
          }}
        >
          <Field
            label="Endpoint URL"
            required
            value={url}
            fault={fault}
            onInput={(event) => draft.change({ url: event.currentTarget.value.trim() })}
          />
          <Field
            label="Endpoint name"
            value={name}
            onInput={(event) => draft.change({ name: event.currentTarget.value.trim() })}
          />
          <button type="submit">Add endpoint</button>
        </form>
      ) : null}
      <h2>Default headers</h2>
      {headers.length === 0 ? (
        <p class="muted">Messages to this group have no default headers.</p>
      ) : (
        <Pairs label="Default headers" pairs={headers} />
      )}
    </>
  );
}
