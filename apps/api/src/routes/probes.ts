import { PosthornError } from '@posthorn/shared';
import type { AppParts } from '../app.ts';
import type { Route } from './route.ts';

/** Whether the process lives, and whether it can work (contract, running.md section 3). No token is needed. */
export function probeRoutes({ findTrouble }: AppParts): Route[] {
  return [
    {
      method: 'get',
      path: '/health',
      handle: (_request, response) => {
        response.json({ status: 'ok' });
      },
    },
    {
      method: 'get',
      path: '/ready',
      async handle(_request, response) {
        const trouble = await findTrouble();
        if (trouble) throw new PosthornError('unavailable', trouble);
        response.json({ status: 'ready' });
      },
    },
  ];
}
