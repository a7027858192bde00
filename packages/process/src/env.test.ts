import { z } from 'zod';
import { defineEnvironment, readEnvironment, seconds } from './env.ts';

const table = defineEnvironment({
  WAIT_SECONDS: { schema: seconds(1.5, 0.1, 60), unit: 'ms', help: 'A time.' },
  SIGNATURE_TTL_SECONDS: { schema: seconds(300), help: 'A time that stays in seconds.' },
  NAME_OF_IT: { schema: z.string().optional(), help: 'A text.' },
});

test('a variable in seconds becomes a property in milliseconds where its row says so, and nowhere else', () => {
  const variables = { WAIT_SECONDS: '2.001', SIGNATURE_TTL_SECONDS: '60', NAME_OF_IT: ' a ' };
  expect(readEnvironment(table, variables)).toEqual({ waitMs: 2001, signatureTtlSeconds: 60, nameOfIt: 'a' });
});

test('defaults are in the unit of the variable', () => {
  expect(readEnvironment(table, {})).toEqual({ waitMs: 1500, signatureTtlSeconds: 300, nameOfIt: undefined });
});

test.each(['0.09', '60.001', '61', '1.0001', '-1', 'soon'])('%s s is refused with the limits in seconds', (text) => {
  expect(() => readEnvironment(table, { WAIT_SECONDS: text })).toThrow(
    'Wrong environment: WAIT_SECONDS: use a number of seconds from 0.1 to 60.',
  );
});
