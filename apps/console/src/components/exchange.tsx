// What a message sends, and what its attempts get back.
import type { Attempt, LogEntryView, Timeline } from '@posthorn/shared';
import { decodeBody, formatDuration, isHidden } from '../format.ts';
import { Link, segment } from '../router.tsx';
import { readWhole } from '../timeline.ts';
import { EncodedBody } from './body.tsx';
import { Pairs } from './pairs.tsx';
import { Url } from './url.tsx';

const decode = (body: string | undefined) => (body === undefined ? undefined : decodeBody(body));

/** What came back from one attempt. */
export function ResponseParts({ messageId, attempt }: { messageId: string; attempt: Attempt }) {
  const { number, responseHeader = {}, responseBody, responseStatus, error, durationMs } = attempt;
  return (
    <>
      <p>
        {responseStatus ? `Status ${responseStatus}` : 'There was no response'}
        {durationMs === undefined ? '' : ` after ${formatDuration(durationMs)}`}
        {error ? `: ${error}` : ''}
      </p>
      <Headers header={responseHeader} label={`Response headers of attempt ${number}`} />
      {responseBody === undefined ? (
        <p class="muted">
          {error === undefined
            ? 'Headers and body of a successful response are not kept.'
            : 'The response had no body.'}
        </p>
      ) : (
        <EncodedBody
          body={responseBody}
          name={`response-${number}`}
          label={`What attempt ${number} got back`}
          readAll={async () =>
            decode((await readWhole(messageId)).attempts.find((one) => one.number === number)?.responseBody)
          }
        />
      )}
    </>
  );
}

/** The response to the last attempt that has ended. */
export function ResponseRegion({ data }: { data: Timeline }) {
  const last = data.attempts.findLast(({ endedAt }) => endedAt !== undefined);
  if (!last) return null;
  return (
    <section aria-label="Response">
      <h2>Response</h2>
      <ResponseParts messageId={data.message.messageId} attempt={last} />
    </section>
  );
}

/** What is sent: the request, and the options that the publisher chose. */
export function RequestRegion({ entry }: { entry: LogEntryView }) {
  return (
    <section aria-label="Request">
      <h2>Request</h2>
      <p class="url">
        <b>{entry.method}</b> <Url text={entry.url} />
      </p>
      <Headers header={entry.header ?? {}} label="Request headers" />
      {entry.body === undefined ? (
        <p class="muted">{entry.bodyTruncated ? 'The body is too large to be shown here.' : 'There is no body.'}</p>
      ) : (
        <>
          {isHidden(entry.body) ? <p class="muted">The publisher has hidden the body: this is its hash.</p> : null}
          <EncodedBody
            body={entry.body}
            name="request"
            label="What is sent"
            readAll={async () => decode((await readWhole(entry.messageId)).lines[0]?.body)}
          />
        </>
      )}
      <Pairs
        label="Options"
        pairs={[
          ['Retries', String(entry.maxRetries)],
          ...(entry.timeout === undefined ? [] : [['Timeout', formatDuration(entry.timeout)] as const]),
          ...(entry.retryDelayExpression ? [['Retry delay', entry.retryDelayExpression] as const] : []),
          ...(entry.labels ? [['Labels', entry.labels.join(', ')] as const] : []),
          ...(entry.queueName
            ? [['Queue', <Link to={`/queues/${segment(entry.queueName)}`}>{entry.queueName}</Link>] as const]
            : []),
          ...(entry.flowControlKey
            ? [
                [
                  'Flow-control key',
                  <Link to={`/flow-control/${segment(entry.flowControlKey)}`}>{entry.flowControlKey}</Link>,
                ] as const,
              ]
            : []),
          ...(entry.topicName
            ? [['URL group', <Link to={`/groups/${segment(entry.topicName)}`}>{entry.topicName}</Link>] as const]
            : []),
          ...(entry.scheduleId
            ? [['Schedule', <Link to={`/schedules/${segment(entry.scheduleId)}`}>{entry.scheduleId}</Link>] as const]
            : []),
          ...(entry.callback ? [['Callback', entry.callback] as const] : []),
          ...(entry.failureCallback ? [['Failure callback', entry.failureCallback] as const] : []),
          ['Published from', entry.callerIp],
        ]}
      />
    </section>
  );
}

function Headers({ header, label }: { header: Record<string, string[]>; label: string }) {
  const pairs = Object.entries(header).map(([name, values]) => [name, values.join(', ')] as const);
  return pairs.length === 0 ? null : <Pairs label={label} pairs={pairs} />;
}
