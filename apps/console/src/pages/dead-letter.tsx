import type { DlqMessage } from '@posthorn/shared';
import { call } from '../api.ts';
import { useResource } from '../data.ts';
import { decodeBody } from '../format.ts';
import { Link, navigate, segment } from '../router.tsx';
import { Body } from '../components/body.tsx';
import { confirm } from '../components/confirmation.tsx';
import { Fallback } from '../components/fallback.tsx';
import { report } from '../components/notice.ts';
import { PageHead } from '../components/page-head.tsx';
import { Pairs } from '../components/pairs.tsx';
import { Time } from '../components/time.tsx';
import { Url } from '../components/url.tsx';
import { useCanWrite } from '../components/use-can-write.ts';

const toBytes = (text: string | undefined, base64: string | undefined) =>
  text !== undefined ? new TextEncoder().encode(text) : base64 === undefined ? undefined : decodeBody(base64);

export function DeadLetter({ id }: { id: string }) {
  const canWrite = useCanWrite();
  const { data, error } = useResource<DlqMessage>(`/v2/dlq/${segment(id)}`);
  if (!data) {
    return (
      <>
        <PageHead title={error?.status === 404 ? 'Not found' : 'Dead letter'} />
        <Fallback
          error={error}
          what={
            <p>
              The dead letter {id} was not found: it was retried, deleted, or is too old.{' '}
              <Link to="/dead-letters">Look at the causes of failures</Link>
            </p>
          }
        />
      </>
    );
  }
  const retry = () =>
    confirm({
      title: 'Retry this message?',
      text: '1 message will be published again as a new message, and removed from here.',
      verb: 'Retry',
      async act() {
        const { messageId } = await call<{ messageId: string }>(`/v2/dlq/retry/${segment(id)}`, { method: 'POST' });
        navigate(`/messages/${segment(messageId)}`);
      },
    });
  const remove = () =>
    confirm({
      title: 'Delete this message?',
      text: '1 message will be lost.',
      verb: 'Delete',
      async act() {
        await call(`/v2/dlq/${segment(id)}`, { method: 'DELETE' });
        navigate('/dead-letters');
        report('Deleted 1 message.');
      },
    });
  const response = toBytes(data.responseBody, data.responseBodyBase64);
  const request = toBytes(data.body, data.bodyBase64);
  const headers = (header: Record<string, string[]> = {}) =>
    Object.entries(header).map(([name, values]) => [name, values.join(', ')] as const);
  return (
    <>
      <PageHead title="Dead letter">
        {canWrite ? (
          <>
            <button type="button" onClick={retry}>
              Retry
            </button>
            <button type="button" onClick={remove}>
              Delete
            </button>
          </>
        ) : null}
      </PageHead>
      <section aria-label="Why it failed" class="where dead">
        <p>
          {data.attempts === 1 ? '1 attempt failed: ' : `${data.attempts ?? 'All'} attempts failed, the last: `}
          {data.error ?? `status ${data.responseStatus}`}.
        </p>
        <p>
          <span class="muted">
            Since <Time at={Number(id.split('-')[0])} />
          </span>{' '}
          Message <Link to={`/messages/${segment(data.messageId)}`}>{data.messageId}</Link>
        </p>
      </section>
      <section aria-label="Response">
        <h2>Response</h2>
        <p>{data.responseStatus ? `Status ${data.responseStatus}` : 'There was no response.'}</p>
        <Pairs label="Response headers" pairs={headers(data.responseHeader)} />
        {response ? (
          <Body bytes={response} name="response" label="What came back" />
        ) : data.responseStatus ? (
          <p class="muted">There is no body.</p>
        ) : null}
      </section>
      <section aria-label="Request">
        <h2>Request</h2>
        <p class="url">
          <b>{data.method}</b> <Url text={data.url} />
        </p>
        <Pairs label="Request headers" pairs={headers(data.header)} />
        {request ? (
          <Body bytes={request} name="request" label="What was sent" />
        ) : (
          <p class="muted">There is no body.</p>
        )}
      </section>
    </>
  );
}
