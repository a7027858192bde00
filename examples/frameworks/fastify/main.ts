import fastify from 'fastify';
import { verifySignatureFastify } from '@posthorn/sdk/fastify';

// The limit of Fastify is 1 MiB.
const app = fastify({ bodyLimit: 32 * 1024 * 1024 });

// Fastify knows JSON and text only, and refuses other types, and bodies without a type, with 415.
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

app.route({
  method: ['GET', 'POST'],
  url: '/hook',
  preParsing: verifySignatureFastify(),
  // `request.body` is parsed by the parser of its type.
  handler: (request, reply) => {
    const body = request.body ?? '';
    return reply
      .type('application/octet-stream')
      .send(Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body));
  },
});

await app.listen({ port: Number(process.env.PORT ?? 3000), host: '127.0.0.1' });
