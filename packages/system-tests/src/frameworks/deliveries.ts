import { createHash, randomBytes } from 'node:crypto';
import { eventually, type TestSystem } from '@posthorn/testkit';

/** What is published; posthorn signs and delivers it. */
interface Delivery {
  method?: string;
  /** No `Content-Type` if it is not given. */
  type?: string;
  body: Buffer;
}

const json = Buffer.from('{ "order":  17, "text": "grüße" }');
const allBytes = Buffer.from(Uint8Array.from({ length: 256 }, (_, index) => index));

export const deliveries: Record<string, Delivery> = {
  JSON: { type: 'application/json', body: json },
  'JSON with a charset': { type: 'application/json; charset=utf-8', body: json },
  'UTF-8 with NUL': { type: 'text/plain; charset=utf-8', body: Buffer.from('grüße \u0000 日本語 🙂\r\n') },
  'no content type': { body: Buffer.from('plain') },
  '2 MB': { type: 'text/plain', body: Buffer.from(randomBytes(1_000_000).toString('hex')) },
  binary: { type: 'application/octet-stream', body: allBytes },
  form: { type: 'application/x-www-form-urlencoded', body: Buffer.from('a=b+c&d=%C3%BC') },
  empty: { type: 'application/json', body: Buffer.alloc(0) },
  GET: { method: 'GET', body: Buffer.alloc(0) },
};

/** The kind that is sent last: from then on, the keys of the application are the ones before. */
export const rotatedKey = 'signed with the next key';

/** What was wrong with each kind; nothing if the handler got it as it was published. */
export type Faults = Record<string, string>;

/** Publishes every kind, and waits until posthorn says what the application answered: with the body that it got. */
export async function deliver(system: TestSystem, url: string, except: Record<string, string> = {}): Promise<Faults> {
  const kinds = Object.entries(deliveries).filter(([kind]) => !(kind in except));
  const faults = await Promise.all(
    kinds.map(async ([kind, delivery]) => [kind, await deliverOne(system, url, delivery)] as const),
  );
  return Object.fromEntries<string>(faults.filter(([, fault]) => fault !== ''));
}

/** Rotates the keys of posthorn, so that it signs with the one that the application has as the next. */
export async function deliverRotated(system: TestSystem, url: string): Promise<Faults> {
  await (await system.api.call('/v2/keys/rotate', { method: 'POST' })).text();
  const fault = await deliverOne(system, url, { type: 'application/json', body: json });
  return fault === '' ? {} : { [rotatedKey]: fault };
}

let published = 0;

async function deliverOne(system: TestSystem, url: string, { method = 'POST', type, body }: Delivery): Promise<string> {
  const path = `/callback/${published++}`;
  const headers = {
    'Upstash-Method': method,
    'Upstash-Retries': '0',
    'Upstash-Timeout': '30s',
    'Upstash-Callback': system.receiver.url + path,
    ...(type === undefined ? {} : { 'Content-Type': type }),
  };
  await system.api.publish(url, { headers, ...(body.length > 0 ? { body: new Uint8Array(body) } : {}) });
  const callback = await eventually(() => system.receiver.at(path)[0], 120_000).catch(() => undefined);
  if (!callback) return 'no answer';
  const { status, body: answer = '' } = JSON.parse(callback.body.toString()) as { status: number; body?: string };
  const got = Buffer.from(answer, 'base64');
  if (status !== 200) return `${status} ${got.toString().slice(0, 200)}`;
  // Frameworks write parsed JSON anew, with other blanks.
  const isSame = got.equals(body) || (body === json && got.toString() === JSON.stringify(JSON.parse(json.toString())));
  return isSame ? '' : `the handler got ${got.length} bytes, ${createHash('sha256').update(got).digest('hex')}`;
}
