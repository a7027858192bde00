import { countDispatchers, readConfig, type Config } from './config.ts';

const before = process.env;
afterEach(() => (process.env = before));

function read(variables: Record<string, string>): Config {
  process.env = variables;
  return readConfig();
}

describe.each(['APIS', 'DISPATCHERS'])('%s', (name) => {
  test.each(['0', '-1', '65', '99999999999999999999', '1.5', 'two', '2 3'])('may not be %s', (value) => {
    expect(() => read({ [name]: value })).toThrow(`Wrong environment: ${name}: use a whole number from 1 to 64.`);
  });
});

test('there is one API, and as many dispatchers as the machine has cores for, unless told otherwise', () => {
  const config = read({ APIS: ' ', DISPATCHERS: '' });
  expect(config.apis).toBe(1);
  expect([1, 2, 3, 4, 64].map((cores) => countDispatchers(config, cores))).toEqual([1, 1, 1, 2, 2]);
});

test('a number that is set counts on every machine', () => {
  const config = read({ APIS: '3', DISPATCHERS: '64' });
  expect(config.apis).toBe(3);
  expect([1, 8].map((cores) => countDispatchers(config, cores))).toEqual([64, 64]);
});
