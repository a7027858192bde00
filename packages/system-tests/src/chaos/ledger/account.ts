import type { PublishLine, ReceiptLine, ReceiverLine } from './lines.ts';

/** What became of every message, by its id. Lists hold ids (or keys of publishes) and should be empty. */
export interface Account {
  /** Publishes that were answered 2xx, 4xx, and those without a response. */
  acked: number;
  refused: number;
  unknown: number;
  /** Publishes by the status of their response; 0 is none. */
  statuses: Record<string, number>;
  /** How many messages were received of each publish to an unknown URL. */
  unknownReceipts: number[];
  /** Messages that were acknowledged: a publish to a URL group makes several. */
  messages: number;
  delivered: number;
  dead: number;
  /** Acknowledged, and neither delivered nor in the dead letter queue: lost, or not there yet. */
  open: string[];
  /** Received without having been published, or though it was refused. */
  phantoms: string[];
  /** Other bytes than were published, or a signature that does not hold. */
  corrupt: string[];
  /** Delivered and in the dead letter queue, or dead without a reason. */
  wrongEnds: string[];
  /** Received before its time. */
  early: string[];
  /** Whose callback did not arrive. */
  untold: string[];
  /** Requests of a queue that came before an earlier message of it had been delivered. */
  orderBreaks: string[];
  /** Requests beyond the parallelism of their flow-control key. */
  excess: number;
  /** Receipts answered 2xx in full, beyond the first of an id. */
  duplicates: number;
  /** Attempts that were made again: the same id and the same count of retries. */
  reruns: Rerun[];
  /** From the acknowledgement, or the end of the delay, to the first receipt. */
  lateMs: { p50: number; p99: number; max: number };
  /** What is known of each acknowledged message. */
  known: ReadonlyMap<string, PublishLine>;
  receipts: ReadonlyMap<string, readonly ReceiptLine[]>;
  /** The longest time that a publish waited for its response. */
  slowestAnswerMs: number;
  /** What it was, and the status of its response. */
  slowest: string;
}

export interface Rerun {
  id: string;
  firstAt: number;
  againAt: number;
}

/** Accounts for each message. Retries after a refusal, or after a response that was not sent in full, are no duplicates. */
export function makeAccount(
  publishes: readonly PublishLine[],
  lines: readonly ReceiverLine[],
  deadIds: ReadonlySet<string>,
): Account {
  const waited = ({ sentAt, answeredAt }: PublishLine) => answeredAt - sentAt;
  const [first, ...others] = publishes;
  const slowest = first && others.reduce((most, each) => (waited(each) > waited(most) ? each : most), first);
  const receipts = lines.filter((line) => line.kind === 'receipt');
  const answered = new Set(lines.filter(({ kind }) => kind === 'answer').map((line) => (line as { n: number }).n));
  const byId = groupBy(receipts, ({ id }) => id);
  const byReceiptKey = groupBy(receipts, ({ key }) => key);
  // Of a publish that was made again the first try counts: from then on it may arrive.
  const byKey = new Map(publishes.toReversed().map((publish) => [publish.key, publish]));
  const acked = publishes.filter(({ outcome }) => outcome === 'acked');
  const expected = acked.flatMap((publish) => publish.ids.map((id) => ({ id, publish })));
  const known = new Set(expected.map(({ id }) => id));
  // What was published again under the same key may exist once more.
  const uncertain = new Set(publishes.filter(({ outcome }) => outcome !== 'acked').map(({ key }) => key));
  const isFull = ({ n, status }: ReceiptLine) => status >= 200 && status < 300 && answered.has(n);
  const isDelivered = (id: string) => byId.get(id)?.some(isFull) ?? false;

  const own = receipts.filter(({ sourceId }) => sourceId === undefined);
  const callbacks = receipts.filter(({ sourceId }) => sourceId !== undefined);
  const sources = new Set([...known, ...own.map(({ id }) => id)]);
  const told = new Set(callbacks.filter(isFull).map(({ sourceId }) => sourceId));
  const isEarly = ({ key, at }: ReceiptLine) => {
    const publish = byKey.get(key);
    return publish !== undefined && at < publish.notBefore;
  };

  return {
    acked: acked.length,
    refused: publishes.filter(({ outcome }) => outcome === 'refused').length,
    unknown: publishes.filter(({ outcome }) => outcome === 'unknown').length,
    statuses: count(publishes.map(({ status }) => status)),
    unknownReceipts: publishes
      .filter(({ outcome, sort }) => outcome === 'unknown' && sort !== 'group')
      .map(({ key }) => new Set(byReceiptKey.get(key)?.map(({ id }) => id)).size),
    messages: expected.length,
    delivered: expected.filter(({ id }) => isDelivered(id)).length,
    dead: expected.filter(({ id }) => deadIds.has(id)).length,
    open: expected.filter(({ id }) => !isDelivered(id) && !deadIds.has(id)).map(({ id }) => id),
    phantoms: [
      ...own.filter(({ key }) => (byKey.get(key)?.outcome ?? 'refused') === 'refused'),
      ...own.filter(({ key, id }) => byKey.has(key) && !known.has(id) && !uncertain.has(key)),
      ...callbacks.filter(({ sourceId }) => !sources.has(sourceId ?? '')),
    ].map(({ id }) => id),
    corrupt: [
      ...receipts.filter(({ isSigned }) => !isSigned),
      ...own.filter(({ key, bodyHash }) => byKey.get(key)?.bodyHash !== bodyHash),
    ].map(({ id }) => id),
    wrongEnds: expected
      .filter(({ id, publish }) => (publish.ends === 'dead' ? isDelivered(id) : deadIds.has(id)))
      .map(({ id }) => id),
    early: own.filter(isEarly).map(({ id }) => id),
    untold: expected.filter(({ id, publish }) => publish.callback && !told.has(id)).map(({ id }) => id),
    orderBreaks: findOrderBreaks(acked, lines, deadIds),
    excess: lines.filter(({ kind }) => kind === 'excess').length,
    duplicates: Array.from(byId.values(), (all) => Math.max(0, all.filter(isFull).length - 1)).reduce(sum, 0),
    reruns: findReruns(byId),
    lateMs: summarise(
      expected.flatMap(({ id, publish }) => {
        const first = byId.get(id)?.[0];
        // Messages of lanes wait for each other, which is not late.
        if (!first || publish.queue !== undefined || publish.sort === 'flow') return [];
        return [Math.max(0, first.at - Math.max(publish.answeredAt, publish.notBefore))];
      }),
    ),
    known: new Map(expected.map(({ id, publish }) => [id, publish])),
    receipts: byId,
    slowestAnswerMs: slowest ? waited(slowest) : 0,
    slowest: slowest ? `${slowest.sort} ${slowest.status}` : 'none',
  };
}

/**
 * In a queue with parallelism 1 each request is for the oldest acknowledged message that is not delivered yet. When a
 * dead letter has freed its place is not known: it is left out.
 */
function findOrderBreaks(
  acked: readonly PublishLine[],
  lines: readonly ReceiverLine[],
  deadIds: ReadonlySet<string>,
): string[] {
  const waiting = new Map<string, string[]>();
  const queueOf = new Map<string, string>();
  const inOrder = acked.toSorted((a, b) => a.answeredAt - b.answeredAt);
  for (const { queue, ids } of inOrder) {
    if (queue === undefined) continue;
    const alive = ids.filter((id) => !deadIds.has(id));
    waiting.set(queue, [...(waiting.get(queue) ?? []), ...alive]);
    for (const id of alive) queueOf.set(id, queue);
  }
  const running = new Map<number, ReceiptLine>();
  const breaks: string[] = [];
  for (const line of lines) {
    if (line.kind === 'excess') continue;
    const id = line.kind === 'receipt' ? line.id : (running.get(line.n)?.id ?? '');
    const ids = waiting.get(queueOf.get(id) ?? '');
    if (!ids?.includes(id)) continue;
    if (line.kind === 'receipt') {
      running.set(line.n, line);
      if (ids[0] !== id) breaks.push(id);
    } else if (running.get(line.n)?.status === 200) ids.splice(ids.indexOf(id), 1);
  }
  return breaks;
}

function findReruns(byId: ReadonlyMap<string, readonly ReceiptLine[]>): Rerun[] {
  const reruns: Rerun[] = [];
  for (const [id, receipts] of byId) {
    for (const attempts of groupBy(receipts, ({ retried }) => retried).values()) {
      attempts.slice(1).forEach(({ at }, index) => {
        reruns.push({ id, firstAt: attempts[index]?.at ?? 0, againAt: at });
      });
    }
  }
  return reruns;
}

function summarise(values: number[]): Account['lateMs'] {
  const sorted = values.sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0 };
}

function count(values: readonly number[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

function sum(total: number, value: number): number {
  return total + value;
}
