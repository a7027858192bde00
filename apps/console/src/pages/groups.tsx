import type { DestinationView, UrlGroup } from '@posthorn/shared';
import { useState } from 'preact/hooks';
import { ApiError, call } from '../api.ts';
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
import { useCanWrite } from '../components/use-can-write.ts';

const addEndpoint = (group: string, url: string, name: string) =>
  call(`/v2/topics/${segment(group)}/endpoints`, {
    method: 'POST',
    isRepeatable: true,
    body: { endpoints: [{ url, ...(name === '' ? {} : { name }) }] },
  });

interface Hosts {
  destinations: DestinationView[];
}
const useHosts = () => useResource<Hosts>('/v2/destinations?count=100', { everyMs: 15_000 });

/** The hosts of endpoints, each once. */
function findHosts({ endpoints }: Pick<UrlGroup, 'endpoints'>, hosts: Hosts | undefined): DestinationView[] {
  const names = endpoints.map(({ url }) => (URL.canParse(url) ? new URL(url).hostname : ''));
  return (hosts?.destinations ?? []).filter(({ host }) => names.includes(host));
}

const countAttempts = (hosts: readonly DestinationView[]) => hosts.reduce((sum, { attempts }) => sum + attempts, 0);

function formatRate(hosts: readonly DestinationView[]): string {
  const attempts = countAttempts(hosts);
  const good = hosts.reduce((sum, one) => sum + one.attempts * one.successRate, 0);
  return attempts === 0 ? '–' : formatPercent(good / attempts);
}

export function Groups() {
  const canWrite = useCanWrite();
  const { data, error } = useResource<UrlGroup[]>('/v2/topics', {
    everyMs: 1500,
    rows: (groups) => groups.map(({ name }) => name),
  });
  const hosts = useHosts();
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
              <td class="number">{formatRate(findHosts(group, hosts.data))}</td>
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
      <p class="muted">Success is that of the hosts of the endpoints in the last 24 hours.</p>
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
    <Dialog label="Create a URL group" onClose={form.reset}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void create();
        }}
      >
        <h2>Create a URL group</h2>
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
  const hosts = useHosts();
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
          ...(canWrite ? [{ title: 'Actions', isHidden: true }] : []),
        ]}
        isEmpty={data.endpoints.length === 0}
        empty="This group has no endpoint."
      >
        {data.endpoints.map((endpoint, index) => {
          const hostsOfIt = findHosts({ endpoints: [endpoint] }, hosts.data);
          return (
            <tr key={endpoint.url}>
              <td class="url">{endpoint.url}</td>
              <td>{endpoint.name ?? ''}</td>
              <td class="number">{formatRate(hostsOfIt)}</td>
              <td class="number">{hostsOfIt.length > 0 ? formatNumber(countAttempts(hostsOfIt)) : '–'}</td>
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
      <p class="muted">Success and attempts are those of the host in the last 24 hours.</p>
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
