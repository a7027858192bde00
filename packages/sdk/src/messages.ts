import { messages, type MessageView } from '@posthorn/shared';
import { QstashError } from './errors.ts';
import type { Http } from './http.ts';

/** A message as the server shows it; `urlGroup` is what the wire calls `topicName`. */
export type Message = MessageView & { urlGroup?: string };

/** Messages that have not ended, or ended a short time ago. */
export class Messages {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** @throws {QstashError} with status 404 when there is none (any more) */
  async get(messageId: string): Promise<Message> {
    if (!messageId) throw new QstashError('Message id cannot be empty');
    const message = await this.#http.call(messages.get, { params: { messageId } });
    return message.topicName === undefined ? message : { ...message, urlGroup: message.topicName };
  }
}
