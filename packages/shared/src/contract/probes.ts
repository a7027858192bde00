import { z } from 'zod';
import { endpoint } from './endpoint.ts';

/** What needs no token: is the process alive, can it work, and what does it speak (contract R10, R12). */
export const probes = {
  health: endpoint({
    method: 'GET',
    path: '/health',
    summary: 'Tell whether the process lives',
    scope: 'none',
    reply: z.object({ status: z.literal('ok').describe('The process lives.') }),
  }),
  ready: endpoint({
    method: 'GET',
    path: '/ready',
    summary: 'Tell whether the process can work: Redis answers and takes messages, and no stop has begun',
    scope: 'none',
    reply: z.object({
      status: z.literal('ready').describe('The process can work.'),
      durability: z
        .enum(['always', 'everysec', 'no', 'none', 'unknown'])
        .describe('How Redis writes accepted messages to its disk; `none`: not at all, `unknown`: it does not tell.'),
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
