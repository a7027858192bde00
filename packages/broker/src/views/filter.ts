import { hidePassword, type Message, type MessageFilter } from '@posthorn/shared';

/** Whether a message is meant by a filter (contract P42, P44); `time` is what its dates are about. */
export function matches(filter: MessageFilter, message: Message, time = message.createdAt): boolean {
  const { fromDate, toDate } = filter;
  if (fromDate !== undefined && time < fromDate) return false;
  if (toDate !== undefined && time > toDate) return false;
  return (
    has(filter.label, message.labels) &&
    has(filter.flowControlKey, message.flowControl?.key) &&
    has(filter.url, hidePassword(message.url)) &&
    has(filter.topicName, message.topicName) &&
    has(filter.queueName, message.queueName) &&
    has(filter.scheduleId, message.scheduleId) &&
    has(filter.callerIp, message.callerIp) &&
    matchesHostAndPath(filter, message.url)
  );
}

function has(wanted: readonly string[] | undefined, actual: string | readonly string[] | undefined): boolean {
  if (wanted === undefined) return true;
  const values = setOf(wanted);
  return [actual ?? []].flat().some((value) => values.has(value));
}

/** The values of filters as sets: the same array is compared with every message of a search. */
const sets = new WeakMap<readonly string[], ReadonlySet<string>>();

function setOf(values: readonly string[]): ReadonlySet<string> {
  const known = sets.get(values) ?? new Set(values);
  sets.set(values, known);
  return known;
}

/** The host counts with and without its port, the path as it was given and as URL parsers write it. */
function matchesHostAndPath({ host, path }: MessageFilter, url: string): boolean {
  if (!host && !path) return true;
  const { protocol, hostname, port, pathname } = new URL(url);
  const actualPort = port || (protocol === 'https:' ? '443' : '80');
  if (!has(host, [hostname, `${hostname}:${actualPort}`])) return false;
  const [, given = '/'] = /^[a-z]+:\/\/[^/?#]*([^?#]*)/i.exec(url) ?? [];
  return has(path, [given || '/', pathname]);
}
