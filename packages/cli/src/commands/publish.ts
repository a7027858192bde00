import type { PublishRequest, PublishToUrlResponse } from '@posthorn/sdk';
import type { Command } from 'commander';
import type { Act } from '../act.ts';
import { parseHeaderText, parseInstant } from '../arguments.ts';
import { addBody, readBody, type BodyOptions } from '../body.ts';
import { addMessageOptions, toMessageOptions, type MessageOptionValues } from '../message-options.ts';

interface Options extends MessageOptionValues, BodyOptions {
  notBefore?: number;
  dedupId?: string;
  dedupContent?: boolean;
}

export function addPublish(command: Command, act: Act): void {
  command.argument('<destination>', 'URL, or name of a topic');
  addMessageOptions(addBody(command))
    .option('--not-before <time>', 'no attempt before: a date, or a time since 1970', parseInstant)
    .option('--dedup-id <id>', 'a second message with this id is not created', parseHeaderText)
    .option('--dedup-content', 'a second message with the same content is not created')
    .action(
      act(async ({ client, output }, destination: string, options: Options) => {
        const { body, bodyFile, notBefore, dedupId, dedupContent, ...messageOptions } = options;
        const content = await readBody({ body, bodyFile }, output.note);
        const request = {
          ...toMessageOptions(messageOptions),
          ...(destination.includes('://') ? { url: destination } : { urlGroup: destination }),
          ...(content === undefined ? {} : { body: content }),
          ...(notBefore === undefined ? {} : { notBefore: notBefore / 1000 }),
          ...(dedupId === undefined ? {} : { deduplicationId: dedupId }),
          ...(dedupContent ? { contentBasedDeduplication: true } : {}),
        } as PublishRequest;
        const { queue: queueName } = messageOptions;
        const reply = (await (queueName
          ? client.queue({ queueName }).enqueue(request)
          : client.publish(request))) as unknown as PublishToUrlResponse | PublishToUrlResponse[];
        output.done(formatIds(reply), reply);
        if ([reply].flat().some(({ deduplicated }) => deduplicated)) {
          output.note('there was such a message already: nothing new was created');
        }
      }),
    );
}

/** The id alone, so that a script can use it; of a topic, the endpoints too. */
function formatIds(reply: PublishToUrlResponse | PublishToUrlResponse[]): string {
  return Array.isArray(reply) ? reply.map(({ messageId, url }) => `${messageId}  ${url}`).join('\n') : reply.messageId;
}
