import { connect } from 'node:net';

/** Where a Redis server listens. */
export type RedisAddress = { path: string } | { port: number; password: string };

/** Whether Redis answers and has read its data. Two words of its protocol need no client. */
export function ping(address: RedisAddress): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = 'path' in address ? connect(address.path) : connect(address.port, '127.0.0.1');
    const end = (answers: boolean) => {
      socket.destroy();
      resolve(answers);
    };
    let text = '';
    socket.setTimeout(1000, () => {
      end(false);
    });
    socket.on('error', () => {
      end(false);
    });
    socket.on('close', () => {
      end(false);
    });
    socket.on('connect', () => socket.write('path' in address ? 'PING\r\n' : `AUTH ${address.password}\r\nPING\r\n`));
    socket.on('data', (data) => {
      text += data.toString();
      if (text.includes('+PONG')) end(true);
      else if (/^-/m.test(text)) end(false);
    });
  });
}
