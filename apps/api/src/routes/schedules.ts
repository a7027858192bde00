import { startDeadline, type Broker } from '@posthorn/broker';
import { contract, PosthornError, warnOfUnknownHeaders } from '@posthorn/shared';
import type { Warn } from '../middleware/warn.ts';
import { readPublishRequest, targetOf } from './publish-request.ts';
import type { PageRoute } from './page-route.ts';
import { rawRoute, route, type Route } from './route.ts';

/** `/v2/schedules` (contract P21). */
export function scheduleRoutes(
  { schedules, runSchedule }: Broker,
  pages: { list: PageRoute; single: PageRoute },
  warn: Warn,
  maxMessageBytes: number,
): Route[] {
  const endpoints = contract.schedules;
  const notFound = (scheduleId: string) => new PosthornError('not_found', `schedule ${scheduleId} not found`);
  const setPaused = (isPaused: boolean) => async (input: { params: { scheduleId: string } }) => {
    const { scheduleId } = input.params;
    if (!(await schedules.setPaused(scheduleId, isPaused))) throw notFound(scheduleId);
  };
  return [
    pages.list(endpoints.list, () => schedules.list()),
    pages.single(endpoints.get, async ({ params }) => {
      const schedule = await schedules.get(params.scheduleId);
      if (!schedule) throw notFound(params.scheduleId);
      return schedule;
    }),
    route(endpoints.remove, async ({ params }) => {
      if (!(await schedules.remove(params.scheduleId))) throw notFound(params.scheduleId);
    }),
    route(endpoints.pause, setPaused(true)),
    route(endpoints.resume, setPaused(false)),
    // The pattern admits names only: `POST /v2/schedules/https://host/pause` creates a schedule (contract P24).
    {
      ...route(endpoints.pauseByPost, setPaused(true)),
      path: /^\/v2\/schedules\/(?<scheduleId>[A-Za-z0-9._-]+)\/pause\/?$/i,
    },
    {
      ...route(endpoints.resumeByPost, setPaused(false)),
      path: /^\/v2\/schedules\/(?<scheduleId>[A-Za-z0-9._-]+)\/resume\/?$/i,
    },
    {
      ...route(endpoints.run, async ({ params }) => {
        const [messageId] = (await runSchedule(params.scheduleId)) ?? [];
        if (messageId === undefined) throw notFound(params.scheduleId);
        return { messageId };
      }),
      path: /^\/v2\/schedules\/(?<scheduleId>[A-Za-z0-9._-]+)\/run\/?$/i,
    },
    rawRoute(
      endpoints.create,
      async (request, response) => {
        const asked = await readPublishRequest(request, targetOf(request), maxMessageBytes);
        warn(response, warnOfUnknownHeaders(asked.headers));
        response.json({ scheduleId: await startDeadline().limit(schedules.create(asked)) });
      },
      // No group in the expression: Express would decode it, and the destination is kept byte for byte.
      /^\/v2\/schedules(?:\/.*)?$/i,
    ),
  ];
}
