import { readFileSync } from 'node:fs';
import { validate } from '@readme/openapi-parser';
import { publishHeaders } from '../headers/publish-options.ts';
import { endpoints } from './contract.ts';
import { errorStatus } from './errors.ts';
import { buildOpenApi, formatPath, type OpenApiOperation } from './openapi.ts';

const document = buildOpenApi();
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]): [string, OpenApiOperation] => [
    `${method.toUpperCase()} ${path}`,
    operation,
  ]),
);

test('it is a valid document of OpenAPI 3.1', async () => {
  const copy = structuredClone(document) as unknown as Parameters<typeof validate>[0];
  expect(await validate(copy)).toMatchObject({ valid: true, warnings: [] });
  expect(document.openapi).toMatch(/^3\.1\./);
});

test('it has every endpoint of the contract, and nothing else', () => {
  const expected = endpoints.map(({ method, path }) => `${method} ${formatPath(path)}`);
  expect(operations.map(([name]) => name).sort()).toEqual(expected.sort());
});

test('docs/openapi.json is up to date; `npm run openapi` writes it', () => {
  const written = readFileSync(new URL('../../../../docs/openapi.json', import.meta.url), 'utf8');
  expect(JSON.parse(written)).toEqual(document);
});

test.each(operations)('%s has a unique name, a summary and a scope', (_name, operation) => {
  const ids = operations.map(([, { operationId }]) => operationId);
  expect(ids.filter((id) => id === operation.operationId)).toHaveLength(1);
  expect(operation['summary']).toMatch(/^[A-Z]/);
  expect(operation['x-scope']).toMatch(/^(none|read|write)$/);
});

test('whatever has a name has a description: parameters, and fields of bodies and replies', () => {
  expect(findUndescribed(document)).toEqual([]);
});

test('every option of a message is a header of whatever publishes, and a field of the headers of a batch item', () => {
  const names = publishHeaders.map(({ name }) => name);
  const references = names.map((name) => ({ $ref: `#/components/parameters/${name}` }));
  for (const path of ['/v2/publish/{destination}', '/v2/enqueue/{name}/{destination}', '/v2/schedules/{scheduleId}']) {
    expect(document.paths[path]?.['post']?.parameters).toEqual(expect.arrayContaining(references));
  }
  expect(Object.keys(document.components['schemas']?.['PublishHeaders']?.['properties'] ?? {})).toEqual(names);
});

test.each(operations.filter(([name]) => name.includes('/v2/')))('%s says how it refuses', (_name, operation) => {
  const statuses = Object.keys(operation.responses);
  const isPublic = operation['x-scope'] === 'none';
  expect(statuses).toEqual(expect.arrayContaining(isPublic ? ['404', '503'] : ['400', '401', '503']));
  expect(statuses.includes('403')).toBe(operation['x-scope'] === 'write');
  for (const [status, { $ref }] of Object.entries(operation.responses)) {
    const code = $ref?.split('/').at(-1) as keyof typeof errorStatus | undefined;
    if (code) expect(errorStatus[code]).toBe(Number(status));
  }
});

test('for tests, a closed document allows no field that is not documented', () => {
  const message = buildOpenApi({ closed: true }).components['schemas']?.['Message'];
  expect(message).toMatchObject({ additionalProperties: false });
  expect(document.components['schemas']?.['Message']).not.toHaveProperty('additionalProperties');
});

/** The paths of parameters and properties without a description. */
function findUndescribed(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const found: string[] = [];
  for (const [key, child] of Object.entries(value) as [string, Record<string, unknown>][]) {
    const here = `${path}/${key}`;
    const isNamed = /\/(properties|parameters)$/.test(path) && !('$ref' in child && path.endsWith('/parameters'));
    if (isNamed && typeof child['description'] !== 'string' && typeof child['$ref'] !== 'string') found.push(here);
    found.push(...findUndescribed(child, here));
  }
  return found;
}
