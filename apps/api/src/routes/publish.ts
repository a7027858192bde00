import { isRunRequest, startDeadline, type Broker } from '@posthorn/broker';
import { contract, cronName, Name, PosthornError, warnOfUnknownHeaders } from '@posthorn/shared';
import type { Request, Response } from 'express';
import type { Warn } from '../middleware/warn.ts';
import { readPublishRequest, targetOf } from './publish-request.ts';
import { publishForRun } from './publish-for-run.ts';
import { rawRoute, type Route } from './route.ts';

/** `POST /v2/publish/{destination}` and `POST /v2/enqueue/{queue}/{destination}` (contract P7, P10). The body is bytes, the options are headers. */
export function publishRoutes(broker: Broker, warn: Warn, maxMessageBytes: number, maxResponseBytes: number): Route[] {
  return [
    rawRoute(
      contract.publish.publish,
      (request, response) => publish(request, response, targetOf(request)),
      // No group in the expression: Express would decode it, and the destination is kept byte for byte.
      /^\/v2\/publish(?:\/.*)?$/i,
    ),
    rawRoute(
      contract.queues.enqueue,
      (request, response) => {
        const [, queue = '', target = ''] = /^([^/?]*)\/?(.*)$/s.exec(targetOf(request)) ?? [];
        return publish(request, response, target, parseQueueName(queue));
      },
      /^\/v2\/enqueue\/.*$/i,
    ),
  ];

  async function publish(request: Request, response: Response, target: string, queueName?: string): Promise<void> {
    if (isRunRequest(request.rawHeaders)) {
      response.json(await publishForRun(broker, request, target, { maxMessageBytes, maxResponseBytes }));
      return;
    }
    const asked = await readPublishRequest(request, target, maxMessageBytes);
    if (queueName !== undefined) asked.queueName = queueName;
    warn(response, warnOfUnknownHeaders(asked.headers));
    if (isForSchedule(asked.headers)) {
      response.json({ scheduleId: await startDeadline().limit(broker.schedules.create(asked)) });
      return;
    }
    const reply = await broker.publish(asked);
    // All are duplicates: 202, nothing was created.
    const isDuplicate = Array.isArray(reply) ? reply.every(({ deduplicated }) => deduplicated) : reply.deduplicated;
    if (isDuplicate) response.status(202);
    response.json(reply);
  }
}

/** Official documents also make schedules by a publish (contract P9). */
function isForSchedule(headers: readonly string[]): boolean {
  return headers.some(
    (name, index) =>
      index % 2 === 0 &&
      name.length === cronName.length &&
      name.toLowerCase() === cronName &&
      headers[index + 1]?.trim() !== '',
  );
}

function parseQueueName(text: string): string {
  const result = Name.safeParse(decode(text));
  if (result.success) return result.data;
  throw new PosthornError('invalid_request', `queueName: ${result.error.issues[0]?.message ?? ''}`);
}

/** A text that cannot be decoded is no name either. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
