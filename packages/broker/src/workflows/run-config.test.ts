import { parseForwardedHeaders } from '@posthorn/shared';
import { createRunConfig, keepRunHeaders, type Checked } from './run-config.ts';

const keep = (...names: string[]) => {
  const headers = names.flatMap((name) => [`Upstash-Forward-${name}`, '1']);
  return keepRunHeaders(parseForwardedHeaders(headers, false, false).header);
};

test.each(['X-Own', '__proto__', 'Constructor', 'Upstash-Workflow-Invoke-Count'])(
  'a run keeps the header %s',
  (name) => {
    const kept = keep(name);
    expect(Object.entries(kept)).toEqual([[name, ['1']]]);
    expect(Object.getPrototypeOf(kept)).toBe(Object.prototype);
  },
);

test('a run keeps no header that the server itself sets', () => {
  expect(keep('Accept-Encoding', 'Content-Type', 'Upstash-Label', 'Upstash-Workflow-Runid')).toEqual({});
});

test('a run neither stores nor shows the encodings that a client forwarded, and shows the rest', () => {
  const names = ['accept-encoding', 'Content-Type', '__proto__'];
  const request = { headers: names.flatMap((name) => [`Upstash-Forward-${name}`, 'gzip']), callerIp: '::1' };
  const checked = { options: {}, template: {} } as Checked;
  const { initHeader } = createRunConfig('https://a.example', request, checked, new Set());
  expect(Object.keys(initHeader).sort()).toEqual(['Content-Type', '__proto__']);
});
