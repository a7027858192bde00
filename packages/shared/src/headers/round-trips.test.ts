// What is written can be read again, whatever the value; what is read keeps every byte that is the sender's.
import fc from 'fast-check';
import { z } from 'zod';
import { parseDuration } from '../message/duration.ts';
import { parseFlowControlValue, formatFlowControlValue, type FlowControlValue } from '../message/flow-control.ts';
import { methods } from '../message/method.ts';
import { parseRetryDelay } from '../message/retry-delay.ts';
import { parseDestination } from './destination.ts';
import { publishOptions } from './publish-options.ts';
import { parsePublishOptions } from './parse-publish-options.ts';

const word = fc.stringMatching(/^[A-Za-z0-9._-]{1,40}$/);
const seconds = fc.integer({ min: 1, max: 31_536_000 });

const values = {
  method: fc.constantFrom(...methods),
  delayMs: seconds.map((whole) => whole * 1000),
  notBefore: fc.integer({ min: 0, max: 10 ** 14 }),
  retries: fc.integer({ min: 0, max: 999_999_999 }),
  timeoutMs: seconds.map((whole) => whole * 1000),
  forwardAll: fc.boolean(),
  labels: fc.array(word, { minLength: 1, maxLength: 20 }),
  deduplicationId: word,
  deduplicateByContent: fc.boolean(),
  queueName: word,
} satisfies Partial<Record<keyof typeof publishOptions, fc.Arbitrary<unknown>>>;

test('options that are written into headers are read as they were, in any case of the names', () => {
  const options = fc.record(values, { requiredKeys: [] });
  fc.assert(
    fc.property(options, fc.boolean(), (given, isLower) => {
      const headers = Object.entries(given).flatMap(([option, value]) => {
        const { header, schema } = publishOptions[option as keyof typeof values];
        const name = `Upstash-${header}`;
        return [isLower ? name.toLowerCase() : name, String(z.encode(schema as z.ZodType, value))];
      });
      expect(parsePublishOptions(headers)).toEqual(given);
    }),
  );
});

test('the parts of a duration add up, in whatever order', () => {
  const parts = fc.array(fc.tuple(fc.nat(999), fc.constantFrom('s', 'm', 'h', 'd')), { minLength: 1, maxLength: 8 });
  const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  fc.assert(
    fc.property(parts, (given) => {
      const text = given.map(([amount, unit]) => `${amount}${unit}`).join('');
      expect(parseDuration(text)).toBe(given.reduce((sum, [amount, unit]) => sum + amount * unitMs[unit], 0));
    }),
  );
});

test('any text is a duration or none; nothing is thrown', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9.smhd ]*$/)), (text) => {
      const durationMs = parseDuration(text);
      expect(durationMs === undefined || (Number.isInteger(durationMs) && durationMs >= 0)).toBe(true);
    }),
  );
});

test('a flow-control value that is written is read as it was', () => {
  const limits = fc.oneof(
    fc.record({ parallelism: fc.integer({ min: 1, max: 99_999 }) }),
    fc.record({ rate: fc.integer({ min: 1, max: 99_999 }) }),
    fc.record({ parallelism: fc.integer({ min: 1, max: 99_999 }), rate: fc.integer({ min: 1, max: 99_999 }) }),
  );
  fc.assert(
    fc.property(limits, fc.integer({ min: 1, max: 604_800 }), (given, periodSeconds) => {
      const value: FlowControlValue = { ...given, periodSeconds };
      expect(parseFlowControlValue(formatFlowControlValue(value))).toEqual(value);
    }),
  );
});

test('a retry expression that is printed from a tree gives what the tree gives', () => {
  interface Tree {
    text: string;
    run: (retried: number) => number;
  }
  const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.nat(100_000).map((number): Tree => ({ text: String(number), run: () => number })),
      fc.constant<Tree>({ text: 'retried', run: (retried) => retried }),
      fc.tuple(tie('tree'), fc.constantFrom('+', '-', '*', '/'), tie('tree')).map(([left, sign, right]): Tree => {
        const run = (retried: number) => {
          const [a, b] = [left.run(retried), right.run(retried)];
          return sign === '+' ? a + b : sign === '-' ? a - b : sign === '*' ? a * b : a / b;
        };
        return { text: `(${left.text} ${sign} ${right.text})`, run };
      }),
    ),
  }));
  fc.assert(
    fc.property(
      tree.filter(({ text }) => text.length <= 256),
      fc.nat(20),
      ({ text, run }, retried) => {
        expect(parseRetryDelay(text)(retried)).toBe(run(retried));
      },
    ),
  );
});

test('a destination keeps its bytes, and only the configuration is taken out of its query', () => {
  const path = fc.stringMatching(/^(\/[A-Za-z0-9._~!$&'()*+,;=:@%-]{0,12}){0,5}$/);
  const parameter = fc.stringMatching(/^[A-Za-z0-9._~!$'()*+,;:@/?-]{1,10}=[A-Za-z0-9._~!$'()*+,;:@/?=%-]{0,10}$/);
  const kept = fc.array(
    parameter.filter((text) => !/^(upstash-|qstash_token)/i.test(text)),
    { maxLength: 5 },
  );
  fc.assert(
    fc.property(path, kept, fc.nat(5), (rest, parameters, at) => {
      const url = `https://host.example:8443${rest}`;
      const mixed = [...parameters.slice(0, at), 'upstash-retries=1', ...parameters.slice(at), 'qstash_token=t'];
      const expected = parameters.length > 0 ? `${url}?${parameters.join('&')}` : url;
      const { destination, configuration } = parseDestination(`${url}?${mixed.join('&')}`);
      expect(destination).toEqual({ kind: 'url', url: expected });
      expect(configuration).toEqual(['upstash-retries', '1']);
    }),
  );
});
