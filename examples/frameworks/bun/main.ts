import { verifySignatureFetch } from '@posthorn/sdk/fetch';

Bun.serve({
  port: Number(process.env.PORT ?? 3000),
  hostname: '127.0.0.1',
  routes: {
    '/hook': verifySignatureFetch(async (request) => new Response(await request.arrayBuffer())),
  },
});
