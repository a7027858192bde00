import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';
import { activeLine, isRunJob, type Broker, type Job } from '@posthorn/broker';
import { randomText, writeDeliveryHeaders, writeSignature, type Body, type RunMessage } from '@posthorn/shared';
import type { DeliveryRequest } from '../transport/send.ts';

export interface PrepareOptions {
  broker: Broker;
  /** The signing key of this moment. */
  currentKey: () => string;
  signatureLifetimeSeconds: number;
  userAgent: string;
  region: string | undefined;
}

/** There is nothing to send, for a reason that is no fault of the message. */
export interface Dropped {
  dropped: string;
}

/** Makes the request of an attempt: its log line, its body, and headers signed now, for a signature lives five minutes. */
export function createPrepare(options: PrepareOptions): (job: Job) => Promise<DeliveryRequest | Dropped | undefined> {
  const { broker, currentKey, signatureLifetimeSeconds, userAgent, region } = options;

  // Making a key from its text costs more than signing with it.
  let known: { text: string; key: KeyObject } | undefined;
  const readKey = (text: string) => {
    if (known?.text !== text) known = { text, key: createSecretKey(text, 'utf8') };
    return known.key;
  };

  return async (job) => {
    const { id, retried } = job;
    let { message } = job;
    let body: Buffer | string | undefined;
    if (isRunJob(job)) {
      const composed = await broker.workflows.compose(job);
      if ('dropped' in composed) return composed;
      message = { ...message, header: composed.header };
      body = composed.body;
    } else {
      broker.events.started(id, message, activeLine(retried, Date.now()));
      body = await readBody(message.body);
    }
    if (body === undefined) {
      // Only a body that is stored elsewhere can be missing.
      if (message.body.kind !== 'stored') throw new TypeError('This kind of body is not known.');
      return undefined;
    }
    const signature = writeSignature(
      {
        url: message.url,
        bodySha256Base64Url: `${hash('sha256', body, 'base64url')}=`,
        jti: `jwt_${randomText(24)}`,
        nowSeconds: Math.floor(Date.now() / 1000),
        ttlSeconds: signatureLifetimeSeconds,
      },
      (text) => createHmac('sha256', readKey(currentKey())).update(text).digest('base64url'),
    );
    return {
      url: message.url,
      method: message.method,
      header: writeDeliveryHeaders(message, { messageId: id, retried, signature, userAgent, region }),
      body,
      timeoutMs: message.timeoutMs,
      keepSuccessBody: message.callback !== undefined || keepsAnswer(message.workflow),
    };
  };

  async function readBody(body: Body): Promise<Buffer | string | undefined> {
    // Text stays text: the transport writes it as UTF-8, which is what it was.
    return body.kind === 'text' ? body.text : broker.bodies.read(body);
  }
}

/** The answer to a call is its result, that of a failure callback is shown, and the first one says who answers. */
function keepsAnswer(workflow: RunMessage | undefined): boolean {
  return workflow !== undefined && ['call', 'failure', 'init'].includes(workflow.kind);
}
