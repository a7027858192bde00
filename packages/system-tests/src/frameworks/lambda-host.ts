// Stands for AWS Lambda behind a function URL: every request becomes an event (payload format 2.0) for the `handler` of
// the module that is named.
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

interface Result {
  statusCode: number;
  headers?: Record<string, string>;
  body?: string;
  isBase64Encoded?: boolean;
}

const [module = '', port] = process.argv.slice(2);
const { handler } = (await import(pathToFileURL(module).href)) as {
  handler: (event: object, context: object) => Promise<Result>;
};

createServer((request, response) => {
  void buffer(request).then(async (bytes) => {
    const { url = '/', method = 'GET', headers } = request;
    const { pathname, search } = new URL(url, 'http://localhost');
    // As AWS decides it.
    const isText = /^(text\/|application\/(json|javascript|xml))/.test(headers['content-type'] ?? '');
    const event = {
      version: '2.0',
      rawPath: pathname,
      rawQueryString: search.slice(1),
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
      requestContext: { http: { method, path: pathname } },
      ...(bytes.length > 0 && { body: bytes.toString(isText ? 'utf8' : 'base64') }),
      isBase64Encoded: bytes.length > 0 && !isText,
    };
    const { statusCode, headers: answered, body = '', isBase64Encoded } = await handler(event, {});
    response.writeHead(statusCode, answered).end(Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8'));
  });
}).listen(Number(port), '127.0.0.1');
