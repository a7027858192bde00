import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';
import type { Delivery } from '@posthorn/broker';
import { randomText, formatDeliveryHeaders, formatSignature, type HeaderMap, type RunMessage } from '@posthorn/shared';
import type { DeliveryRequest } from '../transport/send.ts';

export interface PrepareOptions {
  /** The signing key of this moment. */
  currentKey: () => string;
  signatureLifetimeSeconds: number;
  userAgent: string;
  region: string | undefined;
}

/** The parts of a message that its request contains. */
export interface Content {
  header: HeaderMap;
  body: Buffer | string;
}

/** Makes the request of an attempt: its body, and headers that are signed now, for a signature lives five minutes. */
export function createPrepare(options: PrepareOptions): (delivery: Delivery, content: Content) => DeliveryRequest {
  const { currentKey, signatureLifetimeSeconds, userAgent, region } = options;

  // Making a key from its text costs more than signing with it.
  let known: { text: string; key: KeyObject } | undefined;
  const readKey = (text: string) => {
    if (known?.text !== text) known = { text, key: createSecretKey(text, 'utf8') };
    return known.key;
  };

  return (delivery, { header, body }) => {
    const { id, message, retried } = delivery;
    const signature = formatSignature(
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
      header: formatDeliveryHeaders(message, header, { messageId: id, retried, signature, userAgent, region }),
      body,
      timeoutMs: message.timeoutMs,
      keepSuccessBody: message.callback !== undefined || keepsAnswer(message.workflow),
    };
  };
}

/** The response to a call is its result, that of a failure callback is shown, and the first one says who answers. */
function keepsAnswer(workflow: RunMessage | undefined): boolean {
  return workflow !== undefined && ['call', 'failure', 'init'].includes(workflow.kind);
}
