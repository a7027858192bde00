import { StringDecoder } from 'node:string_decoder';
import { nameItem, refuseForRun, startDeadline, type Broker } from '@posthorn/broker';
import { contract, PosthornError, type Endpoint } from '@posthorn/shared';
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Config } from '../config.ts';
import { createBodyBudget, readBeginning, readBody } from '../middleware/read-body.ts';
import { readItems } from './batch.ts';
import { createGate, type Gate } from './gate.ts';
import type { PageRoute } from './page-route.ts';
import { limitHeaders, readPublishRequest } from './publish-request.ts';
import { rawRoute, readJson, refuseEncoded, type Route } from './route.ts';
import { sendPieces } from './send-page.ts';

const { workflowRuns } = contract;
const hooks: readonly Endpoint[] = [
  workflowRuns.hookGet,
  workflowRuns.hookPost,
  workflowRuns.hookPut,
  workflowRuns.hookPatch,
  workflowRuns.hookDelete,
];

/** Maximum size of the body of a call of a webhook (contract W15). */
const maxHookBytes = 1024 * 1024;
/**
 * Calls of webhooks whose run is looked for, or gets them, at a time: for a run with thousands of steps that wait Redis
 * needs milliseconds for each. Clients with a token must not wait behind those without one.
 */
const hookLimits = {
  atOnce: 20,
  waiting: 1000,
  refusal: 'Too many calls of webhooks are running; try again later.',
};

/**
 * What endpoints of workflows call, and what events call (contract W2).
 *
 * @param reads routes for lists, and the gate of reads of step logs
 * @param users names in the URLs of webhooks that exist
 */
export function workflowRoutes(
  { workflows }: Broker,
  reads: { list: PageRoute; logs: Gate },
  config: Config,
  users: ReadonlySet<string>,
): Route[] {
  const { maxMessageBytes: maxBytes } = config;
  const { list, logs } = reads;
  // Callers without a token must not use up what others need.
  const hookBudget = createBodyBudget({ maxBytes: 32 * 1024 * 1024, uncountedBytes: 0, maxMs: 20_000 });
  const hookGate = createGate(hookLimits);
  /** Such a request is refused with 412 alone: an SDK takes 400 for the end of its run. */
  const forRun = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw refuseForRun(error);
    }
  };
  const read = async (request: Request) => {
    refuseEncoded(request);
    return readBody(request, maxBytes);
  };

  const steps = rawRoute(workflowRuns.steps, async (request, response) => {
    const pieces = await workflows.readLog(readRunId(request));
    if (!pieces) throw new PosthornError('not_found', `workflow run ${readRunId(request)} not found`);
    await sendPieces(response, pieces, () => logs.untilDrained(response));
  });

  return [
    rawRoute(
      workflowRuns.trigger,
      async (request, response) => {
        const target = request.url.slice('/v2/trigger/'.length);
        const [triggered] = await workflows.trigger([await readPublishRequest(request, target, maxBytes)]);
        response.json(triggered);
      },
      /^\/v2\/trigger(?:\/.*)?$/i,
    ),
    rawRoute(workflowRuns.triggerMany, async (request, response) => {
      const items = await readItems(request, {
        maxBytes: config.maxBatchBytes,
        maxItems: config.maxBatchItems,
        maxMessageBytes: maxBytes,
      });
      response.status(201).json(await workflows.trigger(items, nameItem));
    }),
    rawRoute(
      workflowRuns.wait,
      (request, response) =>
        forRun(async () => {
          limitHeaders(request.rawHeaders);
          const eventId = decode(readRest(request, 'wait'));
          const json = await readJson(request, maxBytes);
          if (json === undefined) throw new PosthornError('invalid_request', 'The body is not valid JSON.');
          await startDeadline().limit(workflows.wait(eventId, request.rawHeaders, json));
          response.status(201).json({});
        }),
      /^\/v2\/wait(?:\/.*)?$/i,
    ),
    rawRoute(
      workflowRuns.notify,
      (request, response) =>
        forRun(async () => {
          const { runId, eventId } = parseNotifyPath(readRest(request, 'notify'));
          const notified = workflows.notify(eventId, await read(request), runId);
          // An event without a run may resume thousands of them.
          response.status(201).json(await (runId === undefined ? notified : startDeadline().limit(notified)));
        }),
      /^\/v2\/notify(?:\/.*)?$/i,
    ),
    {
      ...list({ ...workflowRuns.waiters, params: z.unknown() }, async (_, request) => {
        const eventId = decode(readRest(request, 'waiters'));
        if (eventId === '') throw new PosthornError('invalid_request', 'eventId: give the id of an event');
        return workflows.waiters(eventId);
      }),
      endpoint: workflowRuns.waiters,
      // No group in the expression: Express would decode it, and the id may have slashes.
      path: /^\/v2\/waiters(?:\/.*)?$/i,
    },
    { ...steps, handle: logs.guard(steps.handle) },
    rawRoute(workflowRuns.end, (request, response) => {
      // Not as of a run: nothing but a mistake sends another value, and it must not cancel the run.
      const cancel = workflowRuns.end.query?.parse(request.query).cancel;
      return forRun(async () => {
        const runId = readRunId(request);
        refuseEncoded(request);
        // The run has done all its work: a result that is too large does not fail it.
        const result = await readBeginning(request, maxBytes);
        const end = async () =>
          cancel === 'false'
            ? // It drops a character that was cut off.
              workflows.finish(runId, new StringDecoder('utf8').write(result))
            : (await workflows.cancel(runId)) !== 'unknown';
        const isKnown = await startDeadline().limit(end());
        // The end of a run that is not known is no fault of the workflow that has reached it.
        if (!isKnown && cancel !== 'false') {
          response.status(404).json({ error: `workflow run ${runId} not found` });
          return;
        }
        response.status(200).end();
      });
    }),
    ...hooks.map((endpoint) =>
      rawRoute(endpoint, async (request, response) => {
        refuseHead(request, response);
        const { userId = '', workflowRunId = '', eventId = '' } = request.params as Record<string, string>;
        const notFound = new PosthornError('not_found', 'There is no such webhook, or its run is over.');
        if (!users.has(userId)) throw notFound;
        limitHeaders(request.rawHeaders);
        // No byte of the body is read for a run that does not take it.
        const takes = () => startDeadline().limit(workflows.takesWebhook(workflowRunId, eventId));
        if (!(await hookGate.pass(takes))) throw notFound;
        const body = await readBody(request, Math.min(maxBytes, maxHookBytes), hookBudget);
        const event = Buffer.from(JSON.stringify(describeCall(request, body)));
        const receive = () => startDeadline().limit(workflows.receiveWebhook(workflowRunId, eventId, event));
        if (!(await hookGate.pass(receive))) throw notFound;
        response.json({});
      }),
    ),
  ];
}

/**
 * Refuses a HEAD of a webhook: Express gives it to the route of GET, and a link preview or a probe would resume the step.
 *
 * @throws {PosthornError} `method_not_allowed`
 */
function refuseHead({ method }: Request, response: Response): void {
  if (method !== 'HEAD') return;
  const allowed = hooks.map((endpoint) => endpoint.method).sort();
  response.setHeader('Allow', allowed.join(', '));
  throw new PosthornError('method_not_allowed', `HEAD is not possible here: use ${allowed.join(' or ')}.`);
}

/** The users that tokens name: those of the form that clients can read, base64 of JSON with a `UserID`. */
export function parseUsers(tokens: readonly string[]): Set<string> {
  const users = new Set<string>();
  for (const token of tokens) {
    try {
      const { UserID } = JSON.parse(Buffer.from(token, 'base64').toString('utf8')) as { UserID?: unknown };
      if (typeof UserID === 'string' && UserID !== '') users.add(UserID);
    } catch {
      // A token of another form names no user, and makes no webhooks.
    }
  }
  return users;
}

/** The data that a workflow gets from a call of its webhook (contract W15). */
function describeCall(request: Request, body: Buffer): object {
  // A header may be called `constructor`.
  const header = Object.create(null) as Record<string, string[]>;
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index] ?? '';
    (header[name] ??= []).push(request.rawHeaders[index + 1] ?? '');
  }
  return {
    method: request.method,
    header,
    ...(body.length > 0 ? { body: body.toString('base64') } : {}),
    proto: request.protocol,
    host: request.get('host') ?? '',
    url: request.originalUrl,
  };
}

function readRunId(request: Request): string {
  return (request.params as Record<string, string>)['workflowRunId'] ?? '';
}

/** What stands behind `/v2/<noun>/` in the undecoded request target, without the query. */
function readRest({ url }: Request, noun: string): string {
  return /^[^?]*/.exec(url)?.[0].slice(`/v2/${noun}/`.length) ?? '';
}

/** An event id may have slashes; the id of a run in front begins with wfr_ (contract W14). */
function parseNotifyPath(rest: string): { runId?: string; eventId: string } {
  const [first = '', ...others] = rest.split('/');
  if (others.length === 0 || !first.startsWith('wfr_')) return { eventId: decode(rest) };
  return { runId: decode(first), eventId: decode(others.join('/')) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new PosthornError('invalid_request', 'The percent-encoding of the path is not valid.');
  }
}
