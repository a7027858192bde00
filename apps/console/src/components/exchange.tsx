// What a message sends, and what its attempts get back.
import type { Attempt, EventView, Timeline } from '@posthorn/shared';
import { decodeBody, formatDuration, isHidden } from '../format.ts';
import { Link, segment } from '../router.tsx';
import { Body } from './body.tsx';
import { Pairs } from './pairs.tsx';
import { Url } from './url.tsx';

/** What came back from one attempt. */
export function ResponseParts({ attempt }: { attempt: Attempt }) {
  const { responseHeader = {}, responseBody, responseStatus, error, durationMs } = attempt;
  return (
    <>
      <p>
        {responseStatus ? `Status ${responseStatus}` : 'There was no response'}
        {durationMs === undefined ? '' : ` after ${formatDuration(durationMs)}`}
        {error ? `: ${error}` : ''}
      </p>
      <Headers header={responseHeader} label={`Response headers of attempt ${attempt.number}`} />
      {responseBody === undefined ? (
        <p class="muted">
          {error === undefined
            ? 'Headers and body of a successful response are not kept.'
            : 'The response had no body.'}
        </p>
      ) : (
        <Body
          bytes={decodeBody(responseBody)}
          name={`response-${attempt.number}`}
          label={`What attempt ${attempt.number} got back`}
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
      <ResponseParts attempt={last} />
    </section>
  );
}

/** What is sent: the request, and the options that the publisher chose. */
export function RequestRegion({ line }: { line: EventView }) {
  return (
    <section aria-label="Request">
      <h2>Request</h2>
      <p class="url">
        <b>{line.method}</b> <Url text={line.url} />
      </p>
      <Headers header={line.header ?? {}} label="Request headers" />
      {line.body === undefined ? (
        <p class="muted">{line.bodyTruncated ? 'The body is too large to be shown here.' : 'There is no body.'}</p>
      ) : (
        <>
          {isHidden(line.body) ? <p class="muted">The publisher has hidden the body: this is its hash.</p> : null}
          <Body bytes={decodeBody(line.body)} name="request" label="What is sent" />
        </>
      )}
      <Pairs
        label="Options"
        pairs={[
          ['Retries', String(line.maxRetries)],
          ...(line.timeout === undefined ? [] : [['Timeout', formatDuration(line.timeout)] as const]),
          ...(line.retryDelayExpression ? [['Retry delay', line.retryDelayExpression] as const] : []),
          ...(line.labels ? [['Labels', line.labels.join(', ')] as const] : []),
          ...(line.queueName
            ? [['Queue', <Link to={`/queues/${segment(line.queueName)}`}>{line.queueName}</Link>] as const]
            : []),
          ...(line.flowControlKey
            ? [
                [
                  'Flow-control key',
                  <Link to={`/flow-control/${segment(line.flowControlKey)}`}>{line.flowControlKey}</Link>,
                ] as const,
              ]
            : []),
          ...(line.topicName
            ? [['URL group', <Link to={`/groups/${segment(line.topicName)}`}>{line.topicName}</Link>] as const]
            : []),
          ...(line.scheduleId
            ? [['Schedule', <Link to={`/schedules/${segment(line.scheduleId)}`}>{line.scheduleId}</Link>] as const]
            : []),
          ...(line.callback ? [['Callback', line.callback] as const] : []),
          ...(line.failureCallback ? [['Failure callback', line.failureCallback] as const] : []),
          ['Published from', line.callerIp],
        ]}
      />
    </section>
  );
}

function Headers({ header, label }: { header: Record<string, string[]>; label: string }) {
  const pairs = Object.entries(header).map(([name, values]) => [name, values.join(', ')] as const);
  return pairs.length === 0 ? null : <Pairs label={label} pairs={pairs} />;
}
