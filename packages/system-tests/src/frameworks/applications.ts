/** A route with a handler. */
interface Route {
  title: string;
  path: string;
  /** Kinds that the framework itself does not carry, or answers in its own way, with the reason. */
  except?: Record<string, string>;
}

/** An application of `examples/frameworks`, and how it is called here. */
export interface Application {
  /** Its folder; the same one may be built in several ways. */
  folder: string;
  /** One row of the table for each route. */
  routes: Route[];
  /** Packages whose versions the table shows. */
  packages: string[];
  /** Other versions than those of its `package.json`. */
  replace?: Record<string, string>;
  /** Environment of its build and of its start. */
  variables?: Record<string, string>;
  /** The module with the `handler` of an application for AWS Lambda; others listen on `PORT`. */
  lambda?: string;
  /** Which events it gets: of HTTP APIs and function URLs (2.0), of REST APIs (1.0), or of a load balancer; 2.0 by default. */
  events?: '2.0' | '1.0' | 'alb';
}

const hook = (title: string, path = '/hook', except: Record<string, string> = {}): Route[] => [{ title, path, except }];

/** A function gets its events whole. */
const ofLambda = { '64 MB without a token': 'AWS refuses bodies above 6 MB itself' };

export const applications: Application[] = [
  { folder: 'express', routes: hook('Express'), packages: ['express'] },
  {
    folder: 'express',
    routes: hook('Express 4'),
    packages: ['express'],
    replace: { express: '4.21.2', '@types/express': '4.17.21' },
  },
  { folder: 'koa', routes: hook('Koa'), packages: ['koa'] },
  { folder: 'fastify', routes: hook('Fastify'), packages: ['fastify'] },
  { folder: 'hono', routes: hook('Hono'), packages: ['hono', '@hono/node-server'] },
  ...(['2.0', '1.0', 'alb'] as const).map((events): Application => ({
    folder: 'lambda',
    routes: hook(`AWS Lambda, ${events === 'alb' ? 'load balancer' : `events ${events}`}`, '/hook', ofLambda),
    packages: ['@types/aws-lambda'],
    lambda: 'index.ts',
    events,
  })),
  {
    folder: 'nestjs',
    routes: [...hook('NestJS, guard'), ...hook('NestJS, middleware', '/hook-before-parsers')],
    packages: ['@nestjs/core'],
  },
  {
    folder: 'next',
    routes: [...hook('Next.js, app router', '/api/hook'), ...hook('Next.js, pages router', '/api/pages-hook')],
    packages: ['next'],
  },
  {
    folder: 'sveltekit',
    routes: hook('SvelteKit'),
    packages: ['@sveltejs/kit', '@sveltejs/adapter-node'],
    variables: { BODY_SIZE_LIMIT: '64M' },
  },
  { folder: 'nuxt', routes: hook('Nuxt', '/api/hook'), packages: ['nuxt', 'nitropack', 'h3'] },
  {
    folder: 'nuxt',
    routes: hook('Nuxt, preset aws-lambda', '/api/hook', {
      ...ofLambda,
      binary: 'the preset turns every body into text, so that its bytes are lost',
    }),
    packages: ['nuxt', 'nitropack', 'h3'],
    variables: { NITRO_PRESET: 'aws-lambda' },
    lambda: '.output/server/index.mjs',
  },
  { folder: 'solidstart', routes: hook('SolidStart'), packages: ['@solidjs/start', 'nitro', 'h3'] },
  { folder: 'astro', routes: hook('Astro'), packages: ['astro', '@astrojs/node'] },
  { folder: 'react-router', routes: hook('React Router'), packages: ['react-router', '@react-router/serve'] },
  { folder: 'cloudflare', routes: hook('Cloudflare (wrangler)'), packages: ['wrangler'] },
  { folder: 'bun', routes: hook('Bun'), packages: ['bun'] },
  { folder: 'deno', routes: hook('Deno'), packages: ['deno'] },
];
