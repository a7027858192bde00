import { z } from 'zod';
import { endpoint } from './endpoint.ts';

/** What needs no token: is the process alive, can it work, and what does it speak (contract R10, R12). */
export const probes = {
  health: endpoint({
    method: 'GET',
    path: '/health',
    summary: 'Check whether the process is alive',
    scope: 'none',
    reply: z.object({ status: z.literal('ok').describe('The process is alive.') }),
  }),
  ready: endpoint({
    method: 'GET',
    path: '/ready',
    summary: 'Check whether the process can work: Redis answers and accepts messages, and the process is not stopping',
    scope: 'none',
    reply: z.object({
      status: z.literal('ready').describe('The process can work.'),
      durability: z
        .enum(['always', 'everysec', 'no', 'none', 'unknown'])
        .describe(
          'How Redis writes accepted messages to disk; `none`: not at all, `unknown`: posthorn may not read the setting.',
        ),
      shards: z.int().describe('Number of engine shards.'),
    }),
  }),
  openapi: endpoint({
    method: 'GET',
    path: '/openapi.json',
    summary: 'Read this document',
    scope: 'none',
    reply: z.looseObject({ openapi: z.string().describe('Version of OpenAPI.') }),
  }),
};
