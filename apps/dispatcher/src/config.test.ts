import { readConfig, type Config } from './config.ts';

const before = process.env;
afterEach(() => (process.env = before));

function read(variables: Record<string, string>): Config {
  process.env = { REDIS_URL: 'redis://127.0.0.1', ...variables };
  return readConfig();
}

describe.each(['APIS', 'DISPATCHERS'])('%s', (name) => {
  test.each(['0', '-1', '65', '99999999999999999999', '1.5', 'two', '2 3'])('may not be %s', (value) => {
    expect(() => read({ [name]: value })).toThrow(`Wrong environment: ${name}: use a whole number from 1 to 64.`);
  });
});

test('a program is one dispatcher unless told otherwise', () => {
  expect(read({}).dispatchers).toBe(1);
  expect(read({ DISPATCHERS: '3' }).dispatchers).toBe(3);
});
