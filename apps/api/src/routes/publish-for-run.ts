import { refuseForRun, type Broker } from '@posthorn/broker';
import { PosthornError, type PublishReply } from '@posthorn/shared';
import type { Request } from 'express';
import { readPublishRequest } from './publish-request.ts';

/** A byte of a response becomes six at most in the JSON of the step that holds it. */
const bytesPerResponseByte = 6;

/**
 * A publish that belongs to a run: the result of a call, which may be longer than other messages, or a run that another
 * one starts.
 *
 * @throws {PosthornError} `limit_exceeded` in place of every other refusal
 */
export async function publishForRun(
  broker: Broker,
  request: Request,
  target: string,
  { maxMessageBytes, maxResponseBytes }: { maxMessageBytes: number; maxResponseBytes: number },
): Promise<PublishReply> {
  const isResult = !/^true$/i.test(request.get('upstash-workflow-init')?.trim() ?? '');
  const maxBytes = isResult ? Math.max(maxMessageBytes, bytesPerResponseByte * maxResponseBytes) : maxMessageBytes;
  let step: { id: number; isCall: boolean } | undefined;
  try {
    const asked = await readPublishRequest(request, target, maxBytes);
    step = isResult ? readStep(asked.body) : undefined;
    if (asked.body.length > maxMessageBytes && !step?.isCall) {
      throw new PosthornError('body_too_large', `The body is too large; use at most ${maxMessageBytes} bytes.`);
    }
    return await broker.publish(asked);
  } catch (error) {
    const refusal = refuseForRun(error);
    const runId = request.get('upstash-workflow-runid')?.split(',')[0]?.trim() ?? '';
    if (isResult && refusal instanceof PosthornError && refusal.code === 'limit_exceeded') {
      await broker.workflows.noteRefusal(runId, step?.id, refusal.message);
    }
    throw refusal;
  }
}

/** The number of a step and whether it is a call, which stand at its beginning. */
function readStep(body: Buffer): { id: number; isCall: boolean } | undefined {
  const match = /^\{"stepId":(\d{1,9}),"stepName":"(?:[^"\\]|\\.)*","stepType":"(\w+)"/.exec(
    body.toString('utf8', 0, 4096),
  );
  return match ? { id: Number(match[1]), isCall: match[2] === 'Call' } : undefined;
}
