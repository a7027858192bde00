// Stands for AWS Lambda: every request becomes an event for the `handler` of the module that is named, as a function URL
// (payload format 2.0), a REST API (1.0) or a load balancer with multi-value headers (alb) makes it.
import { createServer, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

interface Result {
  statusCode: number;
  headers?: Record<string, string>;
  body?: string;
  isBase64Encoded?: boolean;
}

const [module = '', port, format = '2.0'] = process.argv.slice(2);
const { handler } = (await import(pathToFileURL(module).href)) as {
  handler: (event: object, context: object) => Promise<Result>;
};

createServer((request, response) => {
  void buffer(request).then(async (bytes) => {
    const event = format === '2.0' ? writeEvent(request, bytes) : writeOldEvent(request, bytes);
    const { statusCode, headers: answered, body = '', isBase64Encoded } = await handler(event, {});
    response.writeHead(statusCode, answered).end(Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8'));
  });
}).listen(Number(port), '127.0.0.1');

/** As AWS decides whether a body is text. */
function isText({ headers }: IncomingMessage): boolean {
  return /^(text\/|application\/(json|javascript|xml))/.test(headers['content-type'] ?? '');
}

function writeEvent(request: IncomingMessage, bytes: Buffer): object {
  const { url = '/', method = 'GET', headers } = request;
  const { pathname, search } = new URL(url, 'http://localhost');
  return {
    version: '2.0',
    rawPath: pathname,
    rawQueryString: search.slice(1),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
    requestContext: { http: { method, path: pathname } },
    ...(bytes.length > 0 && { body: bytes.toString(isText(request) ? 'utf8' : 'base64') }),
    isBase64Encoded: bytes.length > 0 && !isText(request),
  };
}

/** Both keep the case of header names. A REST API here has all types in `binaryMediaTypes`, a load balancer only text as text. */
function writeOldEvent(request: IncomingMessage, bytes: Buffer): object {
  const { url = '/', method = 'GET', rawHeaders } = request;
  const multiValueHeaders: Record<string, string[]> = {};
  for (let at = 0; at < rawHeaders.length; at += 2) {
    (multiValueHeaders[rawHeaders[at] ?? ''] ??= []).push(rawHeaders[at + 1] ?? '');
  }
  const isRest = format === '1.0';
  const isBase64Encoded = bytes.length > 0 && (isRest || !isText(request));
  const body = bytes.toString(isBase64Encoded ? 'base64' : 'utf8');
  return {
    httpMethod: method,
    path: new URL(url, 'http://localhost').pathname,
    multiValueHeaders,
    ...(isRest && {
      headers: Object.fromEntries(Object.entries(multiValueHeaders).map(([name, values]) => [name, values.at(-1)])),
    }),
    body: isRest && bytes.length === 0 ? null : body,
    isBase64Encoded,
    requestContext: isRest ? {} : { elb: {} },
  };
}
