import fastify from 'fastify';
import { verifySignatureFastify } from '@posthorn/sdk/fastify';

// The limit of Fastify is 1 MiB.
const app = fastify({ bodyLimit: 32 * 1024 * 1024 });

app.register(async (scope) => {
  scope.addHook('preParsing', verifySignatureFastify());

  // The parsers of Fastify refuse other types than JSON and text (415), and empty JSON (400). In this scope, every body
  // is a buffer.
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  scope.route({
    method: ['GET', 'POST'],
    url: '/hook',
    handler: (request, reply) => reply.type('application/octet-stream').send(request.body ?? ''),
  });
});

await app.listen({ port: Number(process.env.PORT ?? 3000), host: '127.0.0.1' });
