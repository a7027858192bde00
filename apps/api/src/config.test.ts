import { developmentCredentials } from '@posthorn/shared';
import { findDoubts, readConfig, type Config } from './config.ts';

const before = process.env;
afterEach(() => (process.env = before));

function read(variables: Record<string, string>): Config {
  process.env = { REDIS_URL: 'redis://127.0.0.1', QSTASH_TOKEN: 'a-token-of-a-test', ...variables };
  return readConfig();
}

test.each([
  ['10.0.0.0/8', ['10.0.0.0/8']],
  ['127.0.0.1, ::1', ['127.0.0.1', '::1']],
  ['fd00::/8,loopback', ['fd00::/8', 'loopback']],
  ['', []],
])('TRUST_PROXY may be "%s"', (value, expected) => {
  expect(read({ TRUST_PROXY: value }).trustProxy).toEqual(expected);
});

test.each([
  ['TRUST_PROXY', 'banana'],
  ['TRUST_PROXY', 'true'],
  ['TRUST_PROXY', '1'],
  ['TRUST_PROXY', '10.0.0.0/33'],
  ['TRUST_PROXY', '10.0.0.0/255.0.0.0'],
  ['TRUST_PROXY', '::/129'],
  ['TRUST_PROXY', '10.0.0.1,banana'],
  ['TRUST_PROXY', 'https://proxy'],
  ['HOST', 'http://127.0.0.1'],
  ['HOST', '127.0.0.1:8080'],
  ['HOST', '[::1]'],
  ['HOST', '999.0.0.1'],
  ['HOST', 'a b'],
  ['METRICS_HOST', '0.0.0.0/0'],
  ['PORT', '70000'],
  ['APIS', '0'],
  ['APIS', '-1'],
  ['APIS', '65'],
  ['APIS', '99999999999999999999'],
  ['APIS', '1.5'],
  ['APIS', 'two'],
  ['LOG_LEVEL', 'loud'],
  ['DURABILITY', 'sometimes'],
  ['MAX_RETRIES', '-1'],
  ['SHUTDOWN_GRACE_SECONDS', '9999999999'],
  ['SHUTDOWN_GRACE_SECONDS', 'soon'],
  ['DEFAULT_TIMEOUT_SECONDS', '3000000'],
  ['QSTASH_TOKEN', 'with blank'],
  ['QSTASH_READONLY_TOKEN', 'ä'],
])('%s=%s is one sentence that names the variable and not the value', (name, value) => {
  expect(() => read({ [name]: value })).toThrow(new RegExp(`^Wrong environment: ${name}: use [^\\n]*\\.$`));
  if (value.length > 5) expect(() => read({ [name]: value })).not.toThrow(value);
});

test('a required variable that is there under another spelling', () => {
  expect(() => read({ QSTASH_TOKEN: '', QSTASH_TOKN: 'secret' })).toThrow(
    'QSTASH_TOKEN: set it to the token that publishers must send (QSTASH_TOKN is set; is it misspelled?)',
  );
});

const { token, currentSigningKey } = developmentCredentials;

test.each([
  ['in production', { QSTASH_TOKEN: token, NODE_ENV: 'production' }],
  ['on every address', { QSTASH_TOKEN: token, HOST: '0.0.0.0' }],
  ['on every address of IPv6', { QSTASH_TOKEN: token, HOST: '::' }],
  ['on an address of a network', { QSTASH_TOKEN: token, HOST: '192.168.1.5' }],
  ['beside another one', { QSTASH_TOKEN: `another-long-token,${token}`, HOST: '0.0.0.0' }],
  ['as the read-only token', { QSTASH_READONLY_TOKEN: token, NODE_ENV: 'production' }],
  ['as a signing key', { QSTASH_CURRENT_SIGNING_KEY: currentSigningKey, NODE_ENV: 'production' }],
])('development credentials are refused %s', (_, variables) => {
  expect(() => read(variables)).toThrow(/the development credentials are public/);
  expect(() => read(variables)).not.toThrow(token);
});

test('development credentials are for this machine', () => {
  expect(read({ QSTASH_TOKEN: token, HOST: 'localhost' }).qstashToken).toEqual([token]);
});

test.each(['the-same-long-token', 'another,the-same-long-token'])(
  'a read-only token that is also in "%s"',
  (tokens) => {
    expect(() => read({ QSTASH_TOKEN: tokens, QSTASH_READONLY_TOKEN: 'the-same-long-token' })).toThrow(
      /^Wrong environment: QSTASH_READONLY_TOKEN: it is also a QSTASH_TOKEN/,
    );
  },
);

test.each([
  [{}, []],
  [{ QSTASH_TOKEN: 'a' }, [/can be guessed/]],
  [{ QSTASH_TOKEN: 'a-token-of-a-test,short' }, [/can be guessed/]],
  [{ QSTASH_READONLY_TOKEN: 'read-only' }, [/can be guessed/]],
  [{ HOST: '0.0.0.0' }, [/HOST is 0\.0\.0\.0: .*TLS/]],
  [{ HOST: '::' }, [/HOST is ::: .*TLS/]],
  [{ HOST: '0.0.0.0', TRUST_PROXY: '10.0.0.1' }, []],
  [{ HOST: '::1' }, []],
  [{ HOST: '0.0.0.0', QSTASH_TOKEN: 'a' }, [/can be guessed/, /TLS/]],
])('%j is allowed, with doubts', (variables, expected) => {
  const doubts = findDoubts(read(variables));
  expect(doubts).toHaveLength(expected.length);
  for (const [index, doubt] of doubts.entries()) expect(doubt).toMatch(expected[index] ?? /never/);
});

test('the metrics have a port of their own', () => {
  const ports = { PORT: '9001', METRICS_PORT: '9000', APIS: '2' };
  expect(() => read(ports)).toThrow(/^METRICS_PORT: 9001 is the port of the API \(PORT\)/);
  expect(read({ ...ports, METRICS_HOST: '10.0.0.5' }).metricsPort).toBe(9000);
});
