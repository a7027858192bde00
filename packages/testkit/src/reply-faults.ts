import { buildOpenApi, type OpenApiOperation } from '@posthorn/shared';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

/** Fields that are not documented are faults here. */
const document = buildOpenApi({ closed: true });
const documentId = 'openapi';
// The document is not itself a schema, its keywords are none of JSON Schema, and other tests check its schemas.
const ajv = new Ajv2020({ strict: false, allErrors: true, meta: false, validateSchema: false }).addSchema(
  document,
  documentId,
);

interface Known {
  path: string;
  method: string;
  pattern: RegExp;
  operation: OpenApiOperation;
}

const known: Known[] = Object.entries(document.paths)
  .flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => {
      return { path, method, operation, pattern: createPattern(path, operation) };
    }),
  )
  // `/v2/dlq/retry` is not an entry of the dead letter queue, and `/v2/schedules/a/pause` is no destination.
  .sort((a, b) => countOpen(a) - countOpen(b));

/** What is wrong with a reply; `undefined` if it is as it is documented. */
export function findFault(
  method: string,
  path: string,
  status: number,
  contentType: string,
  text: string,
): string | undefined {
  const validate = findSchema(method, path, status);
  if (!validate) return 'this status is not documented';
  if (validate === 'empty') return text === '' ? undefined : 'a body is not documented';
  if (!/^application\/json(;|$)/.test(contentType)) return `'${contentType}' is not the documented content type`;
  const body = readJson(text);
  if (body === undefined) return 'the body is not JSON';
  if (validate(body)) return undefined;
  return (validate.errors ?? [])
    .map(({ instancePath, message, params }) => `${instancePath} ${message ?? ''} ${JSON.stringify(params)}`)
    .join('; ');
}

/** The server itself refuses what is no request that it could take. */
const byServer = new Set([408, 431]);
/** There is no such endpoint; 400 if a name or an id in its path is empty. */
const anywhere = new Set([...byServer, 400, 401, 404, 405, 429]);

function findSchema(method: string, path: string, status: number): ValidateFunction | 'empty' | undefined {
  const target = path.replace(/[?#].*$/s, '');
  const found = known.find((one) => one.method === method.toLowerCase() && one.pattern.test(target));
  const response = found?.operation.responses[status];
  if (!found || !response) return (found ? byServer : anywhere).has(status) ? compile(errorPointer) : undefined;
  if (response.$ref) return compile(errorPointer);
  if (!response.content) return 'empty';
  const pointer = [
    'paths',
    found.path,
    found.method,
    'responses',
    String(status),
    'content',
    'application/json',
    'schema',
  ];
  return compile(`#/${pointer.map(escapePointer).join('/')}`);
}

const errorPointer = '#/components/schemas/Error';

/** Compiled once, the first time that it is needed. */
function compile(pointer: string): ValidateFunction | undefined {
  return ajv.getSchema(documentId + pointer);
}

function escapePointer(part: string): string {
  return encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
}

function createPattern(path: string, operation: OpenApiOperation): RegExp {
  const long = findLong(operation);
  // Before a destination a segment may be empty, for Express does not look for segments there.
  const pattern = path
    .replaceAll('.', '\\.')
    // A flow-control key may have slashes in it (contract P36).
    .replace('/v2/flowControl/{key}', '/v2/flowControl/.+')
    .replace(/\/\{(\w+)\}/g, (_text, name) => (name === long ? '(?:/.*)?' : long ? '/[^/]*' : '/[^/]+'));
  return new RegExp(`^${pattern}/?$`, 'i');
}

/** The parameter that goes on to the end of the target. */
function findLong({ parameters }: OpenApiOperation): unknown {
  return parameters.find((parameter) => parameter['x-multi-segment'])?.['name'];
}

function countOpen({ path, operation }: Known): number {
  return path.split('{').length + (findLong(operation) ? 10 : 0);
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
