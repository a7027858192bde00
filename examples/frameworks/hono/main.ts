import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { verifySignatureHono } from '@posthorn/sdk/hono';

const app = new Hono();

app.all('/hook', verifySignatureHono(), async (c) => c.body(await c.req.arrayBuffer()));

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000), hostname: '127.0.0.1' });
