import type { Attempt, LogEntryView, Timeline } from '@posthorn/shared';
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { call, formatQuery } from '../api.ts';
import { stateMs, useResource } from '../data.ts';
import { decodeBody, formatDuration } from '../format.ts';
import { Link, navigate, segment } from '../router.tsx';
import { chosenZone } from '../settings.ts';
import { useStore } from '../store.ts';
import { readBytes, readWhole, shownBytes, timelinePath } from '../timeline.ts';
import { formatCurl, readGaps, readOptions } from '../request.ts';
import { confirm } from '../components/confirmation.tsx';
import { copy } from '../components/copy.ts';
import { RequestRegion, ResponseParts, ResponseRegion } from '../components/exchange.tsx';
import { Fallback } from '../components/fallback.tsx';
import { focusPlace } from '../components/focus.ts';
import { complain, report } from '../components/notice.ts';
import { PageHead } from '../components/page-head.tsx';
import { Pairs } from '../components/pairs.tsx';
import { State } from '../components/state.tsx';
import { Table } from '../components/table.tsx';
import { Time } from '../components/time.tsx';
import { useCanWrite } from '../components/use-can-write.ts';
import { isFinished, isPending, WhereItIs } from '../components/where-it-is.tsx';

export function Message({ id }: { id: string }) {
  // The sentence of the server has times of this zone.
  useStore(chosenZone);
  const canWrite = useCanWrite();
  const { data, error, refresh } = useResource<Timeline>(timelinePath(id, readBytes), {
    isLive: true,
    everyMs: stateMs,
    isSettled: ({ where }) => !isPending(where),
    isFinal: isFinished,
  });
  if (!data) {
    return (
      <>
        <PageHead title={error?.status === 404 ? 'Not found' : `Message ${id}`} />
        <Fallback
          error={error}
          what={
            <p>
              The message {id} was not found. The log keeps messages for some days.{' '}
              <Link to="/messages">Look at the messages</Link>
            </p>
          }
        />
      </>
    );
  }
  const { where, lines: entries, attempts, related } = data;
  const isCanceled = entries.some(({ state }) => state === 'CANCEL_REQUESTED');
  const first = entries[0];
  const cancel = () =>
    confirm({
      title: 'Cancel this message?',
      text: '1 message will not be delivered. An attempt in flight continues, but is the last.',
      verb: 'Cancel message',
      async act() {
        await call(`/v2/messages/${segment(id)}`, { method: 'DELETE' });
        report('The message was canceled.');
        await refresh();
        focusPlace('main h1');
      },
    });
  const retry = () =>
    confirm({
      title: 'Retry this message?',
      text: '1 message will be published again as a new message, and its dead letter will be removed.',
      verb: 'Retry',
      async act() {
        const reply = await call<{ messageId: string }>(`/v2/dlq/retry/${segment(related.dlqId ?? '')}`, {
          method: 'POST',
        });
        navigate(`/messages/${segment(reply.messageId)}`);
        report('The message was published again.');
      },
    });
  return (
    <>
      <PageHead title={`Message ${id}`}>
        {canWrite && isPending(where) && !isCanceled ? (
          <button type="button" onClick={cancel}>
            Cancel message
          </button>
        ) : null}
        {canWrite && related.dlqId !== undefined ? (
          <button type="button" onClick={retry}>
            Retry
          </button>
        ) : null}
        {canWrite ? (
          <button type="button" onClick={() => navigate(`/send${formatQuery({ from: id })}`)}>
            Send again
          </button>
        ) : null}
        <button type="button" onClick={() => void copy(location.href, 'the link')}>
          Copy link
        </button>
        {first ? (
          <button type="button" onClick={() => void copyAsCurl(first).catch(complain)}>
            Copy as curl
          </button>
        ) : null}
      </PageHead>
      <WhereItIs where={where} />
      <div class="columns">
        <div>
          <h2>Timeline</h2>
          <TimelineList entries={entries} attempts={attempts} />
        </div>
        <div>
          <h2>Attempts</h2>
          <Attempts messageId={id} attempts={attempts} />
          <ResponseRegion data={data} />
        </div>
      </div>
      {first ? <RequestRegion entry={first} /> : null}
      <Related data={data} />
    </>
  );
}

async function copyAsCurl(first: LogEntryView): Promise<void> {
  const isWhole = decodeBody(first.body ?? '').length <= shownBytes;
  const entry = isWhole ? first : ((await readWhole(first.messageId)).lines[0] ?? first);
  const what = ['the curl command; it reads the token from QSTASH_TOKEN', ...readGaps(entry)].join('. ');
  await copy(formatCurl(readOptions(entry)), what);
}

function TimelineList({ entries, attempts }: { entries: readonly LogEntryView[]; attempts: readonly Attempt[] }) {
  let started = 0;
  return (
    <ol aria-label="Timeline" class="timeline">
      {entries.map((entry) => {
        if (entry.state === 'ACTIVE') started++;
        const attempt = attempts[started - 1];
        return (
          <li>
            <Time at={entry.time} /> <State state={entry.state} status={entry.responseStatus} />
            <span class="detail">
              {entry.state === 'ACTIVE' ? `attempt ${started}` : ''}
              {entry.state === 'ERROR' ? (entry.error ?? '') : ''}
              {entry.state === 'DELIVERED' && attempt?.durationMs !== undefined
                ? `after ${formatDuration(attempt.durationMs)}`
                : ''}
              {entry.nextDeliveryTime === undefined ? null : (
                <>
                  next attempt <Time at={entry.nextDeliveryTime} />
                </>
              )}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

/** 0 stands for an attempt without a response. */
const formatStatus = (status = 0) => (status > 0 ? status : '–');

function Attempts({ messageId, attempts }: { messageId: string; attempts: readonly Attempt[] }) {
  const [open, setOpen] = useState<number>();
  return (
    <Table
      label="Attempts"
      columns={[
        { title: 'Number', isNumber: true },
        { title: 'Started' },
        { title: 'Took', isNumber: true },
        { title: 'Status', isNumber: true },
        { title: 'Error' },
        { title: 'Response', isHidden: true },
      ]}
      isEmpty={attempts.length === 0}
      empty="No attempt has started."
    >
      {attempts.map((attempt) => (
        <>
          <tr key={attempt.number}>
            <td class="number">{attempt.number}</td>
            <td>
              <Time at={attempt.startedAt} />
            </td>
            <td class="number">{attempt.durationMs === undefined ? 'running' : formatDuration(attempt.durationMs)}</td>
            <td class="number">{formatStatus(attempt.responseStatus)}</td>
            <td>{attempt.error ?? ''}</td>
            <td>
              <button
                type="button"
                aria-expanded={open === attempt.number}
                aria-label={`Response to attempt ${attempt.number}`}
                onClick={() => setOpen(open === attempt.number ? undefined : attempt.number)}
              >
                Response
              </button>
            </td>
          </tr>
          {open === attempt.number ? (
            <tr>
              <td colSpan={6}>
                <ResponseParts messageId={messageId} attempt={attempt} />
              </td>
            </tr>
          ) : null}
        </>
      ))}
    </Table>
  );
}

function Related({ data: { related } }: { data: Timeline }) {
  const link = (id: string) => <Link to={`/messages/${segment(id)}`}>{id}</Link>;
  const rows: (readonly [string, ComponentChildren])[] = [
    ...(related.sourceMessageId ? [['Callback of', link(related.sourceMessageId)] as const] : []),
    ...(related.retryOf ? [['Retry of', link(related.retryOf)] as const] : []),
    ...related.retriedAs.map((id) => ['Retried as', link(id)] as const),
    ...related.callbackIds.map((id) => ['Callback', link(id)] as const),
    ...(related.dlqId
      ? [['Dead letter', <Link to={`/dead-letters/${segment(related.dlqId)}`}>{related.dlqId}</Link>] as const]
      : []),
  ];
  return (
    <section aria-label="Related">
      <h2>Related</h2>
      {rows.length === 0 ? (
        <p class="muted">No other message belongs to this one.</p>
      ) : (
        <Pairs label="Related messages" pairs={rows} />
      )}
    </section>
  );
}
