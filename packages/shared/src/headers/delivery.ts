import type { Message } from '../message/message.ts';
import { deliveryNames } from './names.ts';

export interface DeliveryContext {
  messageId: string;
  /** Retries made so far; 0 on the first attempt. */
  retried: number;
  signature: string;
  userAgent: string;
  region: string | undefined;
}

/** Header names and values in turn, as a destination gets them (contract D4). */
export function formatDeliveryHeaders(message: Message, context: DeliveryContext): string[] {
  const list: string[] = [];
  for (const name in message.header) {
    for (const value of message.header[name] ?? []) list.push(name, value);
  }
  if (!message.header['User-Agent']) list.push('User-Agent', context.userAgent);
  if (!message.header['Accept-Encoding']) list.push('Accept-Encoding', 'gzip');

  list.push(deliveryNames.messageId, context.messageId);
  list.push(deliveryNames.retried, String(context.retried));
  list.push(deliveryNames.signature, context.signature);
  list.push(deliveryNames.callerIp, message.callerIp);
  if (message.topicName) list.push(deliveryNames.topicName, message.topicName);
  if (message.scheduleId) list.push(deliveryNames.scheduleId, message.scheduleId);
  if (context.region) list.push(deliveryNames.region, context.region);
  return list;
}
