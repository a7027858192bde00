import { networkInterfaces } from 'node:os';
import { isThisMachine } from './this-machine.ts';

const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
const formatUrl = (address: string) => `http://${address.includes(':') ? `[${address}]` : address}:8080`;

test.each([
  'http://127.0.0.1:8080',
  'http://127.8.9.1',
  'https://localhost:1',
  'http://[::1]:8080',
  ...own.filter(({ scopeid }) => !scopeid).map(({ address }) => formatUrl(address)),
])('%s is this machine', (url) => expect(isThisMachine(url)).toBe(true));

test.each([
  'http://example.com',
  'http://127.0.0.1.example.com',
  'http://localhost.example.com:8080',
  'http://127.0.0.1@example.com',
  'http://203.0.113.9:8080',
  'http://[2001:db8::1]',
  'file:///127.0.0.1',
  'localhost',
  '',
])('%s is not', (url) => expect(isThisMachine(url)).toBe(false));
