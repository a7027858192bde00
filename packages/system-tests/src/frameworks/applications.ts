/** An application of `examples/frameworks`, and how it is called here. */
export interface Application {
  /** Its folder; the same one may be built in several ways. */
  folder: string;
  /** One row of the table for each route. */
  routes: { title: string; path: string }[];
  /** Packages whose versions the table shows. */
  packages: string[];
  /** Environment of its build and of its start. */
  variables?: Record<string, string>;
  /** The module with the `handler` of an application for AWS Lambda; others listen on `PORT`. */
  lambda?: string;
  /** Kinds of deliveries that the framework itself does not carry, with the reason. */
  except?: Record<string, string>;
}

const hook = (title: string, path = '/hook') => [{ title, path }];

/** A function gets its events whole. */
const ofLambda = { '64 MB without a token': 'AWS refuses bodies above 6 MB itself' };

export const applications: Application[] = [
  { folder: 'express', routes: hook('Express'), packages: ['express'] },
  { folder: 'koa', routes: hook('Koa'), packages: ['koa'] },
  { folder: 'fastify', routes: hook('Fastify'), packages: ['fastify'] },
  { folder: 'hono', routes: hook('Hono'), packages: ['hono', '@hono/node-server'] },
  {
    folder: 'lambda',
    routes: hook('AWS Lambda'),
    packages: ['@types/aws-lambda'],
    lambda: 'index.ts',
    except: ofLambda,
  },
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
    routes: hook('Nuxt, preset aws-lambda', '/api/hook'),
    packages: ['nuxt', 'nitropack', 'h3'],
    variables: { NITRO_PRESET: 'aws-lambda' },
    lambda: '.output/server/index.mjs',
    except: { ...ofLambda, binary: 'the preset turns every body into text, so that its bytes are lost' },
  },
  { folder: 'solidstart', routes: hook('SolidStart'), packages: ['@solidjs/start', 'h3'] },
  { folder: 'astro', routes: hook('Astro'), packages: ['astro', '@astrojs/node'] },
  { folder: 'react-router', routes: hook('React Router'), packages: ['react-router', '@react-router/serve'] },
  { folder: 'cloudflare', routes: hook('Cloudflare (wrangler)'), packages: ['wrangler'] },
  { folder: 'bun', routes: hook('Bun'), packages: ['bun'] },
  { folder: 'deno', routes: hook('Deno'), packages: ['deno'] },
];
