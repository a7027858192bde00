import type { Message } from '../message/message.ts';
import type { HeaderMap } from './forward.ts';
import { deliveryNames } from './names.ts';

export interface DeliveryContext {
  messageId: string;
  /** Retries made so far; 0 on the first attempt. */
  retried: number;
  signature: string;
  userAgent: string;
  region: string | undefined;
}

/**
 * Header names and values in turn, as a destination gets them (contract D4).
 *
 * @param header the headers of the message, or those that a run sends in place of them
 */
export function formatDeliveryHeaders(message: Message, header: HeaderMap, context: DeliveryContext): string[] {
  const list: string[] = [];
  for (const name in header) {
    for (const value of header[name] ?? []) list.push(name, value);
  }
  if (!header['User-Agent']) list.push('User-Agent', context.userAgent);
  if (!header['Accept-Encoding']) list.push('Accept-Encoding', 'gzip');

  list.push(deliveryNames.messageId, context.messageId);
  list.push(deliveryNames.retried, String(context.retried));
  list.push(deliveryNames.signature, context.signature);
  list.push(deliveryNames.callerIp, message.callerIp);
  if (message.topicName) list.push(deliveryNames.topicName, message.topicName);
  if (message.scheduleId) list.push(deliveryNames.scheduleId, message.scheduleId);
  if (context.region) list.push(deliveryNames.region, context.region);
  return list;
}
