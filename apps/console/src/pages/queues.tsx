import type { MessageSummary, Queue as QueueView, Timeline } from '@posthorn/shared';
import { call, formatQuery } from '../api.ts';
import { stateMs, useResource } from '../data.ts';
import { useDraft } from '../drafts.ts';
import { formatNumber } from '../format.ts';
import { Link, navigate, segment } from '../router.tsx';
import { timelinePath } from '../timeline.ts';
import { confirm } from '../components/confirmation.tsx';
import { Fact } from '../components/fact.tsx';
import { Fallback } from '../components/fallback.tsx';
import { Field } from '../components/field.tsx';
import { LiveSwitch } from '../components/live-switch.tsx';
import { messageRows, MessagesTable } from '../components/messages-table.tsx';
import { Missing } from '../components/missing.tsx';
import { report } from '../components/notice.ts';
import { PageHead } from '../components/page-head.tsx';
import { PauseButton } from '../components/pause-button.tsx';
import { formatPaused, State } from '../components/state.tsx';
import { Table } from '../components/table.tsx';
import { Time } from '../components/time.tsx';
import { Url } from '../components/url.tsx';
import { useCanWrite } from '../components/use-can-write.ts';
import { useSave } from '../components/use-save.ts';
import { WhereItIs } from '../components/where-it-is.tsx';

export function Queues() {
  const canWrite = useCanWrite();
  const { data, error, refresh } = useResource<QueueView[]>('/v2/queues', {
    isLive: true,
    everyMs: stateMs,
    rows: (queues) => queues.map(({ name }) => name),
  });
  return (
    <>
      <PageHead title="Queues">
        <LiveSwitch />
      </PageHead>
      {data ? (
        <Table
          label="Queues"
          columns={[
            { title: 'Name' },
            { title: 'State' },
            { title: 'Waiting', isNumber: true },
            { title: 'Oldest' },
            { title: 'Parallelism', isNumber: true },
            { title: 'Created' },
            ...(canWrite ? [{ title: 'Actions', isHidden: true }] : []),
          ]}
          isEmpty={data.length === 0}
          empty={
            <>
              There is no queue. A queue is created by its first message: <Link to="/send">Publish one</Link> and name a
              queue in its options.
            </>
          }
        >
          {data.map((queue) => (
            <tr key={queue.name}>
              <td>
                <Link to={`/queues/${segment(queue.name)}`}>{queue.name}</Link>
              </td>
              <td>
                <State state={formatPaused(queue.paused)} />
              </td>
              <td class="number">{formatNumber(queue.lag)}</td>
              <td>{queue.first ? <Time at={queue.first.createdAt} /> : '–'}</td>
              <td class="number">{queue.parallelism}</td>
              <td>
                <Time at={queue.createdAt} />
              </td>
              {canWrite ? (
                <td>
                  <PauseButton base="/v2/queues" name={queue.name} isPaused={queue.paused} refresh={refresh}>
                    {queue.name}
                  </PauseButton>
                </td>
              ) : null}
            </tr>
          ))}
        </Table>
      ) : (
        <Fallback error={error} />
      )}
    </>
  );
}

export function Queue({ id }: { id: string }) {
  const canWrite = useCanWrite();
  const { data, error, refresh } = useResource<QueueView>(`/v2/queues/${segment(id)}`, {
    isLive: true,
    everyMs: stateMs,
  });
  const filter = formatQuery({ queueName: id, state: 'CREATED,ACTIVE,ERROR,RETRY', count: 100 });
  const list = useResource<{ messages: MessageSummary[] }>(data ? `/v2/messages${filter}` : undefined, {
    isLive: true,
    rows: messageRows,
  });
  const firstId = data?.first?.messageId;
  const first = useResource<Timeline>(firstId === undefined ? undefined : timelinePath(firstId, 0), {
    isLive: true,
  });
  const draft = useDraft(`/queues/${id}`, { parallelism: data ? String(data.parallelism) : '' });
  const { parallelism } = draft.value;
  const { fault, save } = useSave();
  if (!data)
    return (
      <Missing error={error} title={`Queue ${id}`} what={`The queue ${id}`} to="/queues" link="Look at all queues" />
    );

  const saveParallelism = async () => {
    const body = { queueName: id, parallelism: Number(parallelism) };
    await call('/v2/queues', { method: 'POST', body, isRepeatable: true });
    report(`Saved queue ${id}.`);
    await refresh();
    draft.reset();
  };
  const remove = () =>
    confirm({
      title: `Delete queue ${id}?`,
      text: `${formatNumber(data.lag)} ${data.lag === 1 ? 'message' : 'messages'} will be canceled.`,
      verb: 'Delete',
      typed: id,
      async act() {
        await call(`/v2/queues/${segment(id)}`, { method: 'DELETE' });
        navigate('/queues');
        report(`Deleted queue ${id}.`);
      },
    });
  return (
    <>
      <PageHead title={`Queue ${id}`}>
        {canWrite ? (
          <>
            <PauseButton base="/v2/queues" name={id} isPaused={data.paused} refresh={refresh} />
            <button type="button" onClick={remove}>
              Delete queue
            </button>
          </>
        ) : null}
      </PageHead>
      <div class="now">
        <Fact name="State" value={formatPaused(data.paused)} />
        <Fact name="Waiting" value={formatNumber(data.lag)} />
        <Fact name="Oldest" value={data.first ? <Time at={data.first.createdAt} /> : '–'} />
        <Fact name="At a time" value={formatNumber(data.parallelism)} />
      </div>
      {canWrite ? (
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault();
            void save(saveParallelism);
          }}
        >
          <Field
            label="Parallelism"
            type="number"
            min={1}
            value={parallelism}
            fault={fault}
            hint={draft.isTyped && parallelism !== String(data.parallelism) ? 'not saved yet' : undefined}
            onInput={(event) => draft.change({ parallelism: event.currentTarget.value })}
          />
          <button type="submit">Save</button>
        </form>
      ) : null}
      <h2>First message</h2>
      {data.lag === 0 ? (
        <p class="muted">No message is in this queue.</p>
      ) : firstId === undefined ? (
        <p class="muted">It is not known which message is first.</p>
      ) : first.data ? (
        <>
          <p>
            <Link to={`/messages/${segment(first.data.message.messageId)}`}>{first.data.message.messageId}</Link>{' '}
            <Url text={first.data.message.url} />
          </p>
          <WhereItIs where={first.data.where} />
        </>
      ) : (
        <Fallback
          error={first.error}
          what={<p class="muted">The log does not contain the first message any more.</p>}
        />
      )}
      <h2>Messages in the queue</h2>
      {list.data ? (
        <MessagesTable
          label="Messages in the queue"
          messages={list.data.messages.filter(({ messageId }) => messageId !== firstId)}
          empty={data.lag === 0 ? 'No message is in this queue.' : 'The log has no other message of this queue.'}
        />
      ) : (
        <Fallback error={list.error} />
      )}
    </>
  );
}
