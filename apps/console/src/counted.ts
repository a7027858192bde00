/** Filters of messages, by the names of the API. */
export interface Filter {
  url?: string | undefined;
  host?: string | undefined;
  state?: string;
  queueName?: string;
  label?: string;
  scheduleId?: string;
  flowControlKey?: string;
  topicName?: string;
}

/** Fields that counters are kept for, and how a figure names what it counts. */
const fields = [
  ['host', 'to'],
  ['queueName', 'of queue'],
  ['label', 'with label'],
  ['flowControlKey', 'with flow-control key'],
  ['topicName', 'to URL group'],
] as const;

/**
 * What the counters know of a filter: one value of one field. Where they count more than what matches, the name of the
 * figure says what that is.
 */
export function readCounted({ url, host, state, scheduleId, ...rest }: Filter): {
  query: Record<string, string>;
  label: string;
} {
  const counted: Record<string, string | undefined> = { ...rest, host: findHost(url ?? host) };
  const given = fields.filter(([name]) => counted[name]);
  const usable = given.filter(([name]) => !counted[name]?.includes(','));
  const [chosen] = usable;
  const isExact =
    given.length <= 1 && usable.length === given.length && !url && !state && !scheduleId && counted['host'] === host;
  const value = chosen ? (counted[chosen[0]] ?? '') : '';
  return {
    query: chosen ? { [chosen[0]]: value } : {},
    label: isExact ? 'Messages over time' : `All messages ${chosen ? `${chosen[1]} ${value} ` : ''}over time`,
  };
}

/** The host of a URL, or of a host with a port: ports are not counted apart. */
function findHost(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const url = /^https?:\/\//i.test(text) ? text : `http://${text}`;
  return URL.canParse(url) ? new URL(url).hostname : text;
}
