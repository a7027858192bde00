import { fork, type ChildProcess } from 'node:child_process';
import { eventually } from '@posthorn/testkit';
import type { ReceiverNews, ReceiverOrder } from './receiver.ts';

/** The receiver as its parent sees it. */
export interface LedgerReceiver {
  url: string;
  order(order: ReceiverOrder): void;
  onReceived(listener: (id: string, retried: number) => void): void;
  end(): Promise<void>;
}

/** The destination of every fault, in a process of its own. */
export async function startReceiver(file: string, signingKey: string): Promise<LedgerReceiver> {
  const program = new URL('receiver.js', import.meta.url);
  const child: ChildProcess = fork(program, [file, signingKey], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const listeners: ((id: string, retried: number) => void)[] = [];
  let port = 0;
  child.on('message', (news: ReceiverNews) => {
    if ('port' in news) port = news.port;
    else for (const listener of listeners) listener(news.received, news.retried);
  });
  await eventually(() => port > 0);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  return {
    url: `http://127.0.0.1:${port}`,
    order: (order: ReceiverOrder) => void child.send(order),
    onReceived: (listener: (id: string, retried: number) => void) => void listeners.push(listener),
    async end() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
