import {
  decodeHeaderMap,
  hidePassword,
  type DestinationResponse,
  type Callback,
  type ErrorKind,
  type Failure,
  type Outcome,
} from '@posthorn/shared';
import { queueLane } from '../engine/lanes/lanes.ts';
import { redact } from '../intake/accept.ts';
import { requireStored, store, type StoreParts } from '../intake/store.ts';
import { inlineBody, maxInlineBytes } from '../engine/shards/body.ts';
import { deriveCallbackId } from '../engine/shards/derive-id.ts';
import type { Delivery } from '../engine/shards/shard.ts';
import type { ByteGate } from './byte-gate.ts';
import { estimateRequestBytes } from './request-bytes.ts';

/**
 * An attempt whose process died is made again well within this time; until then a callback that was stored before, and
 * may have been delivered, is not stored again.
 */
const rememberedMs = 600_000;

/** Messages that report the outcome of another message (contract D19). */
export interface Callbacks {
  /** Stores the callback of an attempt, if one is wanted. Doing it twice changes nothing. */
  storeCallback(delivery: Delivery, outcome: Outcome & { response: DestinationResponse }): Promise<void>;
  /** Stores the failure callback of a message that is in the dead letter queue, if one is wanted; as above. */
  storeFailureCallback(delivery: Delivery, failure: Failure, dlqId: string): Promise<void>;
}

/** The attempt that a callback reports. */
interface Attempt {
  response: DestinationResponse;
  error?: string;
  errorKind?: ErrorKind;
}

export function createCallbacks(parts: StoreParts & { reportGate: ByteGate }): Callbacks {
  const { bodies, reportGate } = parts;

  async function send(
    delivery: Delivery,
    callback: Callback,
    cause: string,
    attempt: Attempt,
    dlqId?: string,
  ): Promise<void> {
    const bytes = attempt.response.body.length + estimateRequestBytes(delivery.message);
    return reportGate(bytes, () => makeAndStore(delivery, callback, cause, attempt, dlqId));
  }

  async function makeAndStore(
    delivery: Delivery,
    callback: Callback,
    cause: string,
    attempt: Attempt,
    dlqId: string | undefined,
  ): Promise<void> {
    const text = JSON.stringify(await describe(delivery, attempt, dlqId));
    const bytes = Buffer.from(text);
    const createdAt = Date.now();
    const { message } = delivery;
    const id = deriveCallbackId(delivery.id, cause);
    // The slot of a queue stays taken until its callbacks have ended, too.
    const { queueName } = message;
    if (queueName !== undefined) await parts.lanes.hold(queueLane(queueName), delivery.id, id);
    const results = await store(parts, [
      {
        isGroup: false,
        bytes,
        messages: [
          {
            id,
            // A derived id names the shard of its message.
            shard: delivery.shard,
            once: { key: id, forMs: rememberedMs },
            message: {
              url: callback.url,
              method: callback.method,
              header: { 'Content-Type': ['application/json'], ...callback.header },
              ...(bytes.length <= maxInlineBytes ? { body: inlineBody(bytes) } : {}),
              createdAt,
              notBefore: createdAt + callback.delayMs,
              maxRetries: callback.maxRetries,
              timeoutMs: callback.timeoutMs,
              callerIp: message.callerIp,
              // It contains the headers and the body of its message, so that a redaction of those hides its whole body.
              ...(message.redaction ? { redaction: redact({ ...message.redaction, body: true }, bytes) } : {}),
              ...(callback.retryDelayExpression ? { retryDelayExpression: callback.retryDelayExpression } : {}),
              ...(callback.flowControl ? { flowControl: callback.flowControl } : {}),
              ...(queueName === undefined ? {} : { holds: { queueName, messageId: delivery.id } }),
              ...(message.scheduleId ? { scheduleId: message.scheduleId } : {}),
            },
          },
        ],
      },
    ]);
    requireStored(results.flat());
  }

  /** The body of a callback, its fields in the order of the contract (contract D22). */
  async function describe({ id, message, retried }: Delivery, attempt: Attempt, dlqId: string | undefined) {
    const { response, error, errorKind } = attempt;
    const { topicName, endpointName, scheduleId, body } = message;
    const source = (await bodies.read(body)) ?? Buffer.alloc(0);
    // Without a response the reason stands where its body would.
    const responseBody = response.status === 0 ? Buffer.from(error ?? '') : Buffer.from(response.body);
    return {
      status: response.status,
      header: response.header,
      body: responseBody.toString('base64'),
      retried,
      maxRetries: message.maxRetries,
      sourceMessageId: id,
      ...(topicName ? { topicName } : {}),
      ...(endpointName ? { endpointName } : {}),
      url: hidePassword(message.url),
      method: message.method,
      sourceHeader: decodeHeaderMap(message.header),
      sourceBody: source.toString('base64'),
      notBefore: message.notBefore,
      createdAt: message.createdAt,
      ...(scheduleId ? { scheduleId } : {}),
      callerIP: message.callerIp,
      ...(dlqId === undefined ? {} : { dlqId }),
      ...(response.isCut ? { bodyTruncated: true } : {}),
      ...(error === undefined ? {} : { error }),
      ...(errorKind === undefined ? {} : { errorKind }),
    };
  }

  return {
    async storeCallback(delivery, outcome) {
      // An attempt that is made again after a crash may end differently. Then both outcomes are reported.
      const { callback } = delivery.message;
      if (callback) await send(delivery, callback, `${delivery.retried}:${outcome.kind}`, outcome);
    },
    async storeFailureCallback(delivery, failure, dlqId) {
      const { failureCallback } = delivery.message;
      if (failureCallback) await send(delivery, failureCallback, 'failure', failure, dlqId);
    },
  };
}
