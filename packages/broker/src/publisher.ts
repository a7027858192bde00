import { PosthornError } from '@posthorn/shared';
import type { PublishLimits, PublishRequest } from './intake/accept.ts';
import { publish, publishBatch, type PublishParts } from './intake/publish.ts';
import { retryDeadLetters } from './intake/retry.ts';
import type { Dlq } from './views/dlq/dlq.ts';
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
  /** @throws {PosthornError} when nothing of this kind can be accepted */
  refuse(kind: AcceptedKind): void;
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
  const refuse = (kind: AcceptedKind) => {
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
  const acceptRuns = async (requests: readonly PublishRequest[]) => {
    refuse('workflow');
    const published = await workflows.accept(requests);
    counterOf('workflow')(published.filter(({ deduplicated }) => !deduplicated).length);
    return published;
  };

  return {
    accepted,
    counterOf,
    readLimits,
    refuse,
    async publish(request) {
      if (!isRunRequest(request.headers)) {
        return publish(publishParts(request.queueName === undefined ? 'publish' : 'enqueue'), request);
      }
      const [published] = await acceptRuns([request]);
      return published ?? [];
    },
    async publishBatch(requests) {
      const isOfRun = requests.map(({ headers }) => isRunRequest(headers));
      if (!isOfRun.includes(true)) return publishBatch(publishParts('batch'), requests);
      const ofRuns = await acceptRuns(requests.filter((_, index) => isOfRun[index]));
      const others = requests.filter((_, index) => !isOfRun[index]);
      const plain = others.length > 0 ? await publishBatch(publishParts('batch'), others) : [];
      return isOfRun.map((is) => (is ? ofRuns : plain).shift() ?? []);
    },
    retryDeadLetters: (dlqIds, headers) => retryDeadLetters({ ...publishParts('dlq-retry'), dlq }, dlqIds, headers),
  };
}
