import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { createSecure } from './secure.ts';

const origin = { key: 'https://a.test', isTls: true, hostname: 'a.test', isAddress: false, port: 443, host: 'a.test' };

test('a destination that goes on offering sessions is disconnected', async () => {
  const errors: Error[] = [];
  const secured = Object.assign(new EventEmitter(), { bytesRead: 0, destroy: (error: Error) => errors.push(error) });
  const secure = createSecure((() => secured) as never);
  const connecting = secure(new Socket(), origin, 1000, new AbortController().signal);
  secured.emit('secureConnect');
  await connecting;
  for (let offer = 0; offer < 10; offer++) secured.emit('session', Buffer.alloc(100));
  expect(errors).toEqual([]);
  secured.emit('session', Buffer.alloc(100));
  expect(errors).toEqual([
    expect.objectContaining({ kind: 'tls', message: 'the destination offers too many sessions' }),
  ]);
  secured.emit('close');
});
