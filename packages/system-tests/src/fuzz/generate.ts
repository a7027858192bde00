import type { OpenApi, OpenApiOperation } from '@posthorn/shared';
import type { Random } from '../random.ts';
import { createValues } from './values.ts';

type Json = Record<string, unknown>;

export interface FuzzRequest {
  method: string;
  /** The request target, as it is written. */
  path: string;
  bytes: Buffer;
  /** It may be no HTTP at all: there may be no response, and the connection is of no use behind it. */
  isBroken: boolean;
}

/**
 * Requests made from the OpenAPI document: what it says, nearly what it says, and worse. Messages go to `receiver` or
 * nowhere.
 *
 * @param ids of what exists, so that not every request asks for nothing
 */
export function createRequests(
  document: OpenApi,
  { random, receiver, token, ids }: { random: Random; receiver: string; token: string; ids: readonly string[] },
): () => FuzzRequest {
  const { parameters: shared = {}, schemas = {} } = document.components;
  const { value, hostileText } = createValues(random, ids, schemas);
  // The stream has no end, and nothing is answered behind it on its connection.
  const paths = Object.entries(document.paths).filter(([path]) => path !== '/v2/logs/stream');
  const operations = paths.flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );

  const asText = (given: unknown): string => (typeof given === 'string' ? given : JSON.stringify(given));
  // A line break would end a header, and a blank the target; both are tried as broken requests.
  const asHeader = (given: unknown) => asText(given).replace(/[\r\n\0]|[^\0-\xff]/g, '?');
  const asTarget = (given: unknown) => encodeURI(asText(given)).replace(/[#?]/g, encodeURIComponent);

  function writeDestination(wildness: number): string {
    if (random.chance(wildness / 2)) return asTarget(hostileText());
    if (random.chance(0.2)) return random.pick(['a', 'orders', 'no-such', 'https%3A%2F%2Fa.invalid%2F']);
    // Half of them fail and come into the dead letter queue.
    return `${receiver}/${random.pick(['ok', 'fail', 'ok%20/ü/../x', 'ok?a=b&c=d'])}`.replace('ü', '%C3%BC');
  }

  function writeTarget(path: string, parameters: Json[], wildness: number): string {
    let target = path;
    const query: string[] = [];
    for (const { name, in: where, schema, ...parameter } of parameters) {
      if (where === 'path') {
        const written = parameter['x-multi-segment']
          ? writeDestination(wildness)
          : random.chance(wildness)
            ? asTarget(hostileText())
            : encodeURIComponent(asText(value(schema as Json, 0)));
        target = target.replace(`{${String(name)}}`, () => written);
      } else if (where === 'query' && random.chance(0.15)) {
        const times = random.chance(0.1) ? 2 : 1;
        const given = value(schema as Json, wildness);
        for (let time = 0; time < times; time++) query.push(`${String(name)}=${encodeURIComponent(asText(given))}`);
      }
    }
    if (random.chance(wildness / 4)) query.push(`${asTarget(hostileText())}=${asTarget(hostileText())}`);
    const mark = target.includes('?') ? '&' : '?';
    return query.length > 0 ? target + mark + query.join('&') : target;
  }

  function writeHeaders(parameters: Json[], wildness: number): string[] {
    const lines: string[] = [];
    for (const { name, in: where, schema } of parameters) {
      if (where !== 'header' || !random.chance(0.08)) continue;
      const { examples = [''] } = schema as { examples?: string[] };
      const given = random.chance(wildness)
        ? hostileText()
        : /callback$/i.test(String(name))
          ? `${receiver}/ok`
          : examples[0];
      lines.push(`${String(name)}: ${asHeader(given)}`);
    }
    if (random.chance(wildness / 4)) lines.push(`Upstash-Forward-X-${random.below(9)}: ${asHeader(hostileText())}`);
    return lines;
  }

  function writeBody({ requestBody }: OpenApiOperation, wildness: number): Buffer {
    const content = (requestBody?.['content'] ?? {}) as Record<string, { schema?: Json }>;
    const schema = content['application/json']?.schema;
    if (!schema) return Buffer.from(random.chance(0.5) ? '' : asText(value({}, 1)));
    // Destinations of a batch and of a URL group are the receiver or do not exist.
    const text = JSON.stringify(value(schema, wildness)).replaceAll('https://example.com', receiver);
    return Buffer.from(random.chance(wildness / 4) ? text.slice(0, random.below(text.length + 1)) : text);
  }

  /** Bytes changed, taken out or put in, anywhere. */
  function damage(bytes: Buffer): Buffer {
    // A changed address could belong to another host.
    const damaged = [...Buffer.from(bytes.toString('latin1').replaceAll(receiver, 'http://a.invalid'), 'latin1')];
    for (let time = 0; time <= random.below(4); time++) {
      const at = random.below(damaged.length);
      const byte = random.chance(0.5) ? random.below(256) : random.pick([0, 10, 13, 32, 58, 127]);
      damaged.splice(at, random.below(2), ...(random.chance(0.7) ? [byte] : []));
    }
    return Buffer.from(damaged);
  }

  return () => {
    const { path, method: documented, operation } = random.pick(operations);
    const wildness = random.pick([0, 0, 0.15, 0.15, 0.6]);
    const parameters = operation.parameters.map(({ $ref, ...own }) =>
      typeof $ref === 'string' ? (shared[$ref.split('/').at(-1) ?? ''] ?? {}) : own,
    );
    const method = random.chance(wildness / 8) ? random.pick(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) : documented;
    const target = writeTarget(path, parameters, wildness);
    const body = writeBody(operation, wildness);
    const authorization = random.chance(wildness / 20) ? asHeader(hostileText()) : `Bearer ${token}`;
    const lines = [
      `${method} ${target} HTTP/1.1`,
      'Host: posthorn',
      `Authorization: ${authorization}`,
      ...writeHeaders(parameters, wildness),
      `Content-Length: ${body.length}`,
    ];
    const bytes = Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
    const isBroken = random.chance(0.02);
    return { method, path: target, bytes: isBroken ? damage(bytes) : bytes, isBroken };
  };
}
