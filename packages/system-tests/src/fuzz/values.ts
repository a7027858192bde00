import type { Random } from '../random.ts';

type Json = Record<string, unknown>;

/** Texts that have broken programs before. */
const hostileTexts = [
  '',
  ' ',
  '0',
  '-1',
  '1.5',
  '1e308',
  '99999999999999999999',
  'NaN',
  'null',
  'true',
  '__proto__',
  'constructor',
  'toString',
  '../../etc/passwd',
  '%00',
  '%',
  '%E0%A4%A',
  '%2e%2e%2f',
  'a:b',
  'a,b,,c',
  '*',
  '[]',
  '{}',
  '${x}',
  '<script>alert(1)</script>',
  "' OR 1=1 --",
  '\u00e9\u00ff',
  '\t',
  'x'.repeat(257),
  'y'.repeat(5000),
  'http://169.254.169.254/latest/',
  'http://[::1]/',
  'https://',
  'ftp://a.invalid/',
  'javascript:alert(1)',
  '* * * * * *',
  'CRON_TZ=No/Where * * * * *',
  'pow(2',
  '1/0',
  'rate=0',
  'parallelism=1,parallelism=2',
  'header[',
  '400d',
];

const names = ['a', 'orders', 'q.1', 'x_y-z', 'daily-report', 'customer-42'];

/** Values by a JSON Schema; with a probability of `wildness` at each place something that need not fit. */
export function createValues(random: Random, ids: readonly string[], schemas: Record<string, Json>) {
  const text = (): string => (ids.length > 0 && random.chance(0.3) ? random.pick(ids) : random.pick(names));

  function hostileText(): string {
    return random.pick(hostileTexts);
  }

  function hostile(depth = 0): unknown {
    switch (random.below(depth > 3 ? 5 : 8)) {
      case 0:
        return null;
      case 1:
        return random.chance(0.5);
      case 2:
        return random.pick([0, -1, 1.5, 1e308, 2 ** 53, -(2 ** 31)]);
      case 5:
        return Array.from({ length: random.below(4) }, () => hostile(depth + 1));
      case 6:
        return { [hostileText()]: hostile(depth + 1), [random.pick(names)]: hostile(depth + 1) };
      case 7:
        // An own property of that name, as JSON.parse makes it.
        return JSON.parse('{"__proto__":{"polluted":true}}');
      default:
        return hostileText();
    }
  }

  function value(schema: Json, wildness: number): unknown {
    if (random.chance(wildness)) return hostile();
    const { $ref, anyOf, enum: allowed, examples, properties, required } = schema;
    if (typeof $ref === 'string') return value(schemas[$ref.split('/').at(-1) ?? ''] ?? {}, wildness);
    if (Array.isArray(anyOf)) return value(random.pick(anyOf as Json[]), wildness);
    if (Array.isArray(allowed)) return random.pick(allowed as unknown[]);
    if (Array.isArray(examples) && random.chance(0.5)) return random.pick(examples as unknown[]);
    const type = Array.isArray(schema['type']) ? random.pick(schema['type'] as string[]) : schema['type'];
    switch (type) {
      case 'integer':
      case 'number':
        return 1 + random.below(20);
      case 'boolean':
        return random.chance(0.5);
      case 'null':
        return null;
      case 'array':
        return Array.from({ length: 1 + random.below(3) }, () => value((schema['items'] ?? {}) as Json, wildness));
      case 'object': {
        const wanted = Array.isArray(required) ? (required as string[]) : [];
        const fields = Object.entries((properties ?? {}) as Record<string, Json>);
        const share = fields.length > 10 ? 0.1 : 0.6;
        const chosen = fields.filter(([name]) => wanted.includes(name) || random.chance(share));
        return Object.fromEntries(chosen.map(([name, field]) => [name, value(field, wildness)]));
      }
      default:
        // Whatever takes digits only takes these.
        return JSON.stringify(schema).includes('\\d') ? String(1 + random.below(100)) : text();
    }
  }

  return { value, hostileText };
}
