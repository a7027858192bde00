import { verifySignatureFetch } from '@posthorn/sdk/fetch';

const receive = verifySignatureFetch(async (request) => new Response(await request.arrayBuffer()));

Deno.serve({ port: Number(Deno.env.get('PORT') ?? 3000), hostname: '127.0.0.1' }, (request) =>
  new URL(request.url).pathname === '/hook' ? receive(request) : new Response('not found', { status: 404 }),
);
