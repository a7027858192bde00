// One application for each framework and each way to use it; all answer `{ "got": ... }` with the JSON that they read.
import { once } from 'node:events';
import { createHmac, hash } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import fastify from 'fastify';
import * as h3v1 from 'h3-v1';
import { Hono } from 'hono';
import Koa from 'koa';
import { verifySignatureCloudflare } from './cloudflare.ts';
import { verifySignatureExpress } from './express.ts';
import { verifySignatureFastify } from './fastify.ts';
import { verifySignatureEvent, verifySignatureFetch } from './fetch.ts';
import { verifySignatureH3 } from './h3.ts';
import { verifySignatureHono } from './hono.ts';
import { verifySignatureKoa } from './koa.ts';
import { verifySignatureLambda } from './lambda.ts';
import { verifySignatureNestjs } from './nestjs.ts';
import { verifySignature, verifySignatureAppRouter, verifySignatureEdge } from './nextjs.ts';
import { verifySignatureNuxt } from './nuxt.ts';
import { verifySignatureSolidjs } from './solidjs.ts';
import { verifySignatureSvelte } from './svelte.ts';
import type { ConfigOrFunction } from './verify.ts';

export const keys = { currentSigningKey: 'sig_a', nextSigningKey: 'sig_b' };
export const url = 'https://app.example/hook';
/** With blanks that a parser would lose. */
export const body = '{ "n":  1 }';

/** A token as the server makes it, with other claims where they are given. */
export function sign(
  key: string,
  signed: string | Uint8Array = body,
  claims: object = {},
  header: object = {},
): string {
  const now = Math.floor(Date.now() / 1000);
  const all = {
    iss: 'Upstash',
    sub: url,
    exp: now + 300,
    nbf: 0,
    iat: now,
    jti: 'jwt_1',
    body: hash('sha256', signed, 'base64url'),
    ...claims,
  };
  const input = [{ alg: 'HS256', typ: 'JWT', ...header }, all]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
}

/** An application: `origin` where it has a socket, and what takes a request in any case. */
export interface App {
  send(init: RequestInit): Promise<Response>;
  origin?: string;
}

const servers: Server[] = [];

export function closeApps(): void {
  for (const server of servers.splice(0)) server.closeAllConnections();
}

export async function serve(listener: RequestListener): Promise<App> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin, send: (init) => fetch(`${origin}/hook`, init) };
}

const answerJson = async (request: Request) => Response.json({ got: (await request.json()) as unknown });
const direct = (handler: (request: Request) => Promise<Response>): App => ({
  send: (init) => handler(new Request(url, init)),
});

/** What NestJS does with a guard, under Express: it asks it, and answers with its error. */
export async function runGuard(
  guard: ReturnType<typeof verifySignatureNestjs>,
  request: unknown,
  response: ServerResponse,
) {
  try {
    await guard.canActivate({ switchToHttp: () => ({ getRequest: () => request }) });
    response.end(JSON.stringify({ got: (request as { body: unknown }).body }));
  } catch (error) {
    const { statusCode = 500, message } = error as { statusCode?: number; message: string };
    response.writeHead(statusCode).end(message);
  }
}

/** What calls a function of AWS Lambda, such as a function URL: it gives the whole body. */
async function toEvent(request: Request) {
  const bytes = Buffer.from(await request.arrayBuffer());
  return { headers: Object.fromEntries(request.headers), body: bytes.toString('base64'), isBase64Encoded: true };
}

type Pages = IncomingMessage & { body?: unknown };

export const apps: Record<string, (config?: ConfigOrFunction) => App | Promise<App>> = {
  fetch: (config) => direct(verifySignatureFetch(answerJson, config)),
  'an event with a request': (config) => {
    const handler = verifySignatureEvent(
      ({ request }: { request: Request; params: object }) => answerJson(request),
      config,
    );
    return direct((request) => handler({ request, params: {} }));
  },
  'Next.js, app router': (config) => direct(verifySignatureAppRouter(answerJson, config)),
  'Next.js, edge': (config) => direct(verifySignatureEdge(answerJson, config)),
  'Next.js, pages router': (config) => {
    const handler = verifySignature<Pages, ServerResponse>(
      (request, response) => response.end(JSON.stringify({ got: request.body })),
      config,
    );
    return serve((request, response) => {
      void handler(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
    });
  },
  SvelteKit: (config) => {
    const handler = verifySignatureSvelte(({ request }) => answerJson(request), config);
    return direct((request) => handler({ request }));
  },
  SolidStart: (config) => {
    const handler = verifySignatureSolidjs(({ request }) => answerJson(request), config);
    return direct((request) => handler({ request }));
  },
  Cloudflare: (config) => {
    const handler = verifySignatureCloudflare((request, _env: object, _context: object) => answerJson(request), config);
    return direct((request) => handler(request, {}, {}));
  },
  Hono: (config) => {
    const app = new Hono().post('/hook', verifySignatureHono(config), async (c) => c.json({ got: await c.req.json() }));
    return { send: (init) => Promise.resolve(app.request(url, init)) };
  },
  Express: (config) => {
    const app = express().post('/hook', verifySignatureExpress(config), express.json(), (request, response) => {
      response.json({ got: request.body });
    });
    return serve(app as RequestListener);
  },
  Koa: (config) => {
    const app = new Koa().use(verifySignatureKoa(config)).use((context) => {
      context.body = { got: (context.request as { body?: unknown }).body };
    });
    const callback = app.callback();
    return serve((request, response) => void callback(request, response));
  },
  'a guard of NestJS': (config) => {
    const guard = verifySignatureNestjs(config);
    return serve((request, response) => void runGuard(guard, request, response));
  },
  Fastify: async (config) => {
    const app = fastify();
    app.post('/hook', { preParsing: verifySignatureFastify(config) }, ({ body: got }) => ({ got }));
    const origin = await app.listen({ port: 0, host: '127.0.0.1' });
    servers.push(app.server);
    return { origin, send: (init) => fetch(`${origin}/hook`, init) };
  },
  'AWS Lambda': (config) => {
    const handler = verifySignatureLambda(
      ({ body: text }: { body: string }) => ({
        statusCode: 200,
        body: JSON.stringify({ got: JSON.parse(Buffer.from(text, 'base64').toString()) as unknown }),
      }),
      config,
    );
    return direct(async (request) => {
      const { statusCode, body: text } = await handler(await toEvent(request));
      return new Response(text, { status: statusCode });
    });
  },
  'h3 1 on Node.js': (config) => {
    const app = h3v1.createApp();
    const handler = verifySignatureH3(
      async (event: h3v1.H3Event) => ({ got: (await h3v1.readBody(event)) as unknown }),
      config,
    );
    app.use(h3v1.createRouter().post('/hook', handler));
    return serve(h3v1.toNodeListener(app));
  },
  'h3 1 with fetch requests': (config) => {
    const app = h3v1.createApp();
    const handler = verifySignatureNuxt(
      async (event: h3v1.H3Event) => ({ got: (await h3v1.readBody(event)) as unknown }),
      config,
    );
    app.use(h3v1.createRouter().post('/hook', handler));
    return direct(h3v1.toWebHandler(app));
  },
  // h3 2 itself is in the test of the package: jest cannot load it.
  'an event of h3 2': (config) => {
    const handler = verifySignatureH3(({ req }: { req: Request }) => answerJson(req), config);
    return direct((req) => handler({ req }) as Promise<Response>);
  },
};
