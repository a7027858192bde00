// Publishes one message and receives it. Needs what `npm start` prints: QSTASH_URL, QSTASH_TOKEN,
// QSTASH_CURRENT_SIGNING_KEY and QSTASH_NEXT_SIGNING_KEY.
import { createServer } from 'node:http';
import { Client, Receiver, SignatureError } from '@posthorn/sdk';

const receiver = new Receiver();

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  // The bytes as they came: decoded piece by piece, a character between two pieces would be lost.
  const body = Buffer.concat(chunks);
  try {
    await receiver.verify({ signature: request.headers['upstash-signature'], body });
  } catch (error) {
    response.writeHead(error instanceof SignatureError ? 403 : 500).end(error.message);
    return;
  }
  console.log(`received ${body} with My-Header: ${request.headers['my-header']}`);
  response.end();
  server.close();
});

server.listen(0, '127.0.0.1', async () => {
  const client = new Client();
  const { messageId } = await client.publishJSON({
    url: `http://127.0.0.1:${server.address().port}/hello`,
    body: { hello: 'world' },
    headers: { 'My-Header': 'my-value' },
  });
  console.log(`published ${messageId}`);
});
