import { PosthornError, type BatchReply } from '@posthorn/shared';
import type { PublishLimits, PublishRequest } from './intake/accept.ts';
import { startDeadline } from './intake/deadline.ts';
import { draftBatch, nameItem, publish, publishBatch, storeBatch, type PublishParts } from './intake/publish.ts';
import { retryDeadLetters } from './intake/retry.ts';
import type { Dlq } from './views/dlq/dlq.ts';
import { refuseForRun } from './workflows/run-errors.ts';
import { isRunRequest } from './workflows/run-headers.ts';
import type { Workflows } from './workflows/workflows.ts';

/** Where a message came from. */
export type AcceptedKind = 'publish' | 'enqueue' | 'batch' | 'schedule' | 'dlq-retry' | 'callback' | 'workflow';

export interface PublisherParts extends Omit<PublishParts, 'limits' | 'stored'> {
  dlq: Dlq;
  workflows: Pick<Workflows, 'accept'>;
  /** `undefined` in a process that only delivers. */
  limits: PublishLimits | undefined;
  /** Why nothing new can be accepted: Redis is full. */
  findNoRoom?: (() => string | undefined) | undefined;
  /** Why nothing new can be accepted, for another reason. */
  findRefusal?: (() => string | undefined) | undefined;
}

/** Accepts what clients publish, unless nothing can be accepted, and counts what was stored. */
export interface Publisher {
  /** @throws as `publish` in intake/publish.ts does */
  publish(request: PublishRequest): ReturnType<typeof publish>;
  publishBatch(requests: readonly PublishRequest[]): ReturnType<typeof publishBatch>;
  /** Publishes dead letters again, and removes them; `undefined` if one of them does not exist. */
  retryDeadLetters(dlqIds: readonly string[], headers: readonly string[]): ReturnType<typeof retryDeadLetters>;
  /** @throws {PosthornError} when nothing of this kind can be accepted; without a kind, nothing that is new */
  refuse(kind?: AcceptedKind): void;
  /** @throws {Error} in a process that only delivers */
  readLimits(): PublishLimits;
  /** Counts messages of a kind that were stored. */
  counterOf(kind: AcceptedKind): (stored: number) => void;
  /** Messages that were stored since the process started. */
  accepted: Readonly<Record<AcceptedKind, number>>;
}

export function createPublisher({
  dlq,
  workflows,
  limits,
  findNoRoom,
  findRefusal,
  ...storeParts
}: PublisherParts): Publisher {
  const accepted: Record<AcceptedKind, number> = {
    publish: 0,
    enqueue: 0,
    batch: 0,
    schedule: 0,
    'dlq-retry': 0,
    callback: 0,
    workflow: 0,
  };
  const counterOf = (kind: AcceptedKind) => (stored: number) => void (accepted[kind] += stored);
  const readLimits = () => {
    if (!limits) throw new Error('This process does not publish.');
    return limits;
  };
  const refuse = (kind?: AcceptedKind) => {
    // A retry of a dead letter moves a message that Redis has already: it is a way out of a Redis that is full.
    const refusal = (kind === 'dlq-retry' ? undefined : findNoRoom?.()) ?? findRefusal?.();
    if (refusal) throw new PosthornError('unavailable', refusal);
  };

  const partsOf = new Map<AcceptedKind, PublishParts>();
  const publishParts = (kind: AcceptedKind): PublishParts => {
    refuse(kind);
    let parts = partsOf.get(kind);
    if (!parts) partsOf.set(kind, (parts = { ...storeParts, limits: readLimits(), stored: counterOf(kind) }));
    return parts;
  };
  const storeRuns = async (store: Awaited<ReturnType<Workflows['accept']>>) => {
    const published = await store();
    counterOf('workflow')(published.filter(({ deduplicated }) => !deduplicated).length);
    return published;
  };

  /** A batch with items of runs: all are checked before the first is stored, and refused together (contract W2, W3). */
  async function publishMixed(requests: readonly PublishRequest[]): Promise<BatchReply> {
    const items = requests.map((request, index) => ({ request, index, isOfRun: isRunRequest(request.headers) }));
    const ofRuns = items.filter(({ isOfRun }) => isOfRun);
    const others = items.filter(({ isOfRun }) => !isOfRun);
    refuse('workflow');
    const parts = publishParts('batch');
    const deadline = startDeadline();
    const store = await deadline.limit(
      workflows.accept(
        ofRuns.map(({ request }) => request),
        (error, at) => nameItem(error, ofRuns[at]?.index ?? 0),
      ),
    );
    const drafts = await draftBatch(parts, others, deadline).catch((error: unknown) => {
      throw refuseForRun(error);
    });
    // Many runs begin one after the other, which takes its time; the first that cannot begin ends it.
    const published = await storeRuns(store);
    if (others.length === 0) return published;
    const plain = await storeBatch(
      parts,
      others.map(({ request }) => request),
      drafts,
      deadline,
    );
    // The SDK of a run takes no notice of the errors of single items; it repeats a request that has failed.
    if (plain.some((reply) => 'error' in reply)) {
      throw new PosthornError('unavailable', 'Redis did not store all items of the batch. Try again.');
    }
    return items.map(({ isOfRun }) => (isOfRun ? published : plain).shift() ?? []);
  }

  return {
    accepted,
    counterOf,
    readLimits,
    refuse,
    async publish(request) {
      if (!isRunRequest(request.headers)) {
        return publish(publishParts(request.queueName === undefined ? 'publish' : 'enqueue'), request);
      }
      refuse('workflow');
      const [published] = await startDeadline().limit(workflows.accept([request]).then(storeRuns));
      return published ?? [];
    },
    async publishBatch(requests) {
      if (requests.some(({ headers }) => isRunRequest(headers))) return publishMixed(requests);
      return publishBatch(publishParts('batch'), requests);
    },
    retryDeadLetters: (dlqIds, headers) => retryDeadLetters({ ...publishParts('dlq-retry'), dlq }, dlqIds, headers),
  };
}
