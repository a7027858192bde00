import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import type { PosthornError } from '@posthorn/shared';
import type { Request } from 'express';
import { createBodyBudget, readBody } from './read-body.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** What becomes of the body of a request of which only the beginning is sent. */
async function readBeginning(maxMs: number, leave: boolean): Promise<PosthornError> {
  const result = new Promise<PosthornError>((resolve) => {
    server = createServer((request, response) => {
      Object.assign(request, { res: response });
      const read = () => {
        const budget = createBodyBudget({ maxBytes: 1000, uncountedBytes: 0, maxMs });
        readBody(request as Request, 1000, budget).catch(resolve);
      };
      // A handler may have to wait for something before it reads.
      if (leave) request.once('close', read);
      else read();
    }).listen(0, '127.0.0.1');
  });
  await new Promise((resolve) => server?.once('listening', resolve));
  const address = server?.address() as AddressInfo | undefined;
  const client = connect(address?.port ?? 0, '127.0.0.1');
  client.on('error', () => undefined);
  client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n12345');
  if (leave) server?.once('request', () => client.destroy());
  return result;
}

test('a body that takes too long is refused', async () => {
  expect(await readBeginning(20, false)).toMatchObject({
    code: 'request_timeout',
    message: 'The body must arrive within 0.02 seconds.',
  });
});

test('the body of a sender that left before it was read is refused at once', async () => {
  expect(await readBeginning(60_000, true)).toMatchObject({ code: 'invalid_request' });
});
