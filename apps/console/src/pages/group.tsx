import type { UrlGroup, UrlGroupStats } from '@posthorn/shared';
import { call, formatQuery } from '../api.ts';
import { countsMs, stateMs, useResource } from '../data.ts';
import { useDraft } from '../drafts.ts';
import { formatNumber } from '../format.ts';
import { Link, navigate, segment } from '../router.tsx';
import { confirm } from '../components/confirmation.tsx';
import { addEndpoint, formatRate } from '../components/endpoints.ts';
import { Field } from '../components/field.tsx';
import { focusPlace } from '../components/focus.ts';
import { Missing } from '../components/missing.tsx';
import { report } from '../components/notice.ts';
import { PageHead } from '../components/page-head.tsx';
import { Pairs } from '../components/pairs.tsx';
import { Table } from '../components/table.tsx';
import { Url } from '../components/url.tsx';
import { useCanWrite } from '../components/use-can-write.ts';
import { useSave } from '../components/use-save.ts';

export function Group({ id }: { id: string }) {
  const canWrite = useCanWrite();
  const { data, error, refresh } = useResource<UrlGroup>(`/v2/topics/${segment(id)}`, {
    everyMs: stateMs,
    rows: ({ endpoints }) => endpoints.map(({ url }) => url),
  });
  const stats = useResource<UrlGroupStats>(`/v2/topics/${segment(id)}/stats`, { isLive: true, everyMs: countsMs });
  const draft = useDraft(`/groups/${id}`, { url: '', name: '' });
  const { url, name } = draft.value;
  const { fault, save } = useSave();
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
    await addEndpoint(id, url, name);
    draft.reset();
    report(`Added ${url}.`);
    await refresh();
  };
  const remove = (endpoint: string, index: number) =>
    confirm({
      title: 'Remove this endpoint?',
      text:
        data.endpoints.length === 1
          ? `1 endpoint, ${endpoint}, gets no more messages. It is the last endpoint, so the URL group is removed too.`
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
            void save(add);
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
