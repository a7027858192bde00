import type { MessageSummary } from '@posthorn/shared';
import { formatDuration } from '../format.ts';
import { Link, segment } from '../router.tsx';
import { State } from './state.tsx';
import { Table } from './table.tsx';
import { Tags } from './tags.tsx';
import { Time } from './time.tsx';
import { Url } from './url.tsx';

/** The rows of a list of messages, by what they show. */
export const messageRows = ({ messages }: { messages: readonly MessageSummary[] }): string[] =>
  messages.map(({ messageId }) => messageId);

export function MessagesTable({
  messages,
  isFiltered = false,
  isMore = false,
  isStale = false,
  label = 'Messages',
  empty: given,
}: {
  messages: readonly MessageSummary[];
  isFiltered?: boolean;
  isMore?: boolean;
  isStale?: boolean;
  label?: string;
  /** Shown in place of rows. */
  empty?: string;
}) {
  const empty =
    given ??
    (isFiltered ? (
      isMore ? (
        'None of the newest entries of the log match; look at older ones.'
      ) : (
        'No message matches these filters.'
      )
    ) : (
      <>
        There is no message. <Link to="/send">Send one</Link>, or publish one with the SDK, the command line or curl.
      </>
    ));
  return (
    <Table
      label={label}
      columns={[
        { title: 'State' },
        { title: 'Message' },
        { title: 'Destination' },
        { title: 'Attempts', isNumber: true },
        { title: 'Created' },
        { title: 'Last change' },
      ]}
      isEmpty={messages.length === 0}
      isStale={isStale}
      empty={empty}
    >
      {messages.map((message) => (
        <tr key={message.messageId}>
          <td>
            <State state={message.state} status={message.responseStatus} />
          </td>
          <td>
            <Link to={`/messages/${segment(message.messageId)}`} class="id">
              {message.messageId}
            </Link>
            <Tags labels={message.labels} queueName={message.queueName} />
          </td>
          <td class="url">
            <small>{message.method}</small> <Url text={message.url} />
            {message.error ? <div class="error">{message.error}</div> : null}
          </td>
          <td class="number">
            {message.attempts}
            {message.durationMs === undefined ? null : <small>{formatDuration(message.durationMs)}</small>}
          </td>
          <td>
            <Time at={message.createdAt} />
          </td>
          <td>
            <Time at={message.updatedAt} />
            {message.nextDeliveryTime === undefined ? null : (
              <div class="muted">
                next <Time at={message.nextDeliveryTime} />
              </div>
            )}
          </td>
        </tr>
      ))}
    </Table>
  );
}
