import { connect } from 'node:net';
import { testToken } from '@posthorn/testkit';
import type { Fault } from '../fault.ts';

/** An API is killed while requests are half sent and half answered. */
export const killApi: Fault = {
  name: 'kill-api',
  rows: ['F4'],
  async run(chaos) {
    const stage = await chaos.stage({ apis: 2 });
    const load = await stage.load(250);
    for (let round = 0; round < Math.max(3, 3 * chaos.scale); round++) {
      await chaos.pause(1500, 3000);
      const index = chaos.random.between(0, 1);
      sendHalf(stage.apis[index]?.url ?? '', stage.receiver, chaos.random.between(10, 300));
      await stage.apis[index]?.end('SIGKILL');
      await stage.startApi(index);
    }
    await load.stop();
    const account = await chaos.settle(stage, { duplicates: 0 });
    chaos.claim('requests were cut', account.unknown > 0);
    const received = account.unknownReceipts;
    chaos.figure('unknownReceived', received.filter((times) => times > 0).length);
    chaos.claim(
      'a publish without a response is delivered once or not at all',
      received.every((times) => times <= 1),
    );
  },
};

/** A publish that ends in the middle of its body: it never becomes a message. */
function sendHalf(url: string, receiver: string, bodyBytes: number): void {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.write(
    `POST /v2/publish/${receiver}/m HTTP/1.1\r\nHost: posthorn\r\nAuthorization: Bearer ${testToken}\r\n` +
      `Upstash-Forward-Ledger-Key: half\r\nContent-Length: 400\r\n\r\n${'x'.repeat(bodyBytes)}`,
  );
}
