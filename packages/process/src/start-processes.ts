import type { ChildProcess } from 'node:child_process';
import cluster from 'node:cluster';
import type { Log } from './log.ts';
import { readyMessage } from './shutdown.ts';
import { supervise, type Supervised } from './supervise.ts';

export interface StartProcessesOptions {
  /** As people call one of them in a sentence of the log; its number follows. */
  name: string;
  count: number;
  log: Log;
  /** How long each of them waits for its work in flight when it stops. */
  shutdownGraceMs: number;
  /** Ends this process with status 1. */
  giveUp: () => void;
  /** Gets a function that stops the processes before all are ready: the first ones already work then. */
  stopBy: (stop: () => Promise<void>) => void;
}

/** A process that needs this much longer than its grace time to end is killed. */
const killAfterGraceMs = 12_000;

/**
 * Runs this program several times beside each other, each time with its number as the argument, and starts it again
 * when it dies. If they listen on the same port, this process accepts the connections and gives them to each in turn,
 * so that the port stays open when one of them dies.
 *
 * @returns the way to stop them, once all are ready
 */
export async function startProcesses(options: StartProcessesOptions): Promise<() => Promise<void>> {
  const { name, count, log, shutdownGraceMs, giveUp, stopBy } = options;
  const all: Supervised[] = [];
  const state = { isStopping: false };
  const stop = async () => {
    state.isStopping = true;
    await Promise.all(all.map((one) => one.stop()));
  };
  stopBy(stop);

  const start = async (number: number) => {
    let markReady: () => void;
    const ready = new Promise<undefined>((resolve) => {
      markReady = () => resolve(undefined);
    });
    const one = supervise({
      name: `${name} ${number}`,
      spawn() {
        cluster.setupPrimary({ args: [String(number)] });
        const child = cluster.fork().process;
        closeLostConnection(child);
        child.on('message', (message) => {
          if (message === readyMessage) markReady();
        });
        return child;
      },
      log: (reason) => log.warn({ reason }, 'process.ended'),
      stopMs: shutdownGraceMs + killAfterGraceMs,
      lastSignal: 'SIGKILL',
    });
    all.push(one);
    const failure = await Promise.race([ready, one.failed]);
    if (failure !== undefined) {
      // With status 1, it has said why.
      if (failure !== 'status 1') {
        log.error({ reason: `${name} ${number} ended (${failure}) before it was ready.` }, 'process.failed');
      }
      giveUp();
    } else one.keepAlive();
  };

  // What keeps the first one from starting would keep the others, too, and is to be said once.
  await start(1);
  if (!state.isStopping) await Promise.all(Array.from({ length: count - 1 }, (_, index) => start(index + 2)));
  return stop;
}

/**
 * Closes the connection that a process had been given and had not taken when it died. Node.js forgets it and keeps it
 * open, so that its client would wait for a reply without end. The others have been closed here by then.
 */
function closeLostConnection(child: ChildProcess): void {
  const send = child.send.bind(child) as (...args: unknown[]) => boolean;
  let last: { close(): void } | undefined;
  child.send = (...args: unknown[]) => {
    last = (args[1] as typeof last | null) ?? last;
    return send(...args);
  };
  // It has ended, and all that it has sent was read.
  child.once('close', () => last?.close());
}
