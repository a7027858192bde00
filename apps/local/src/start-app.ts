import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ConfigurationError, readyMessage, supervise, within } from '@posthorn/process';
import { ask } from './ask.ts';

export interface AppOptions {
  /** The folder below `apps/`, and its name in a sentence. */
  name: 'api' | 'dispatcher';
  /** Which one of several it is, from 1. */
  number?: number | undefined;
  env: Record<string, string | undefined>;
  /** Where its `/ready` is. */
  url: string;
  /** Run its sources, again after every change. */
  isFromSources: boolean;
  stopMs: number;
  log: (text: string) => void;
}

/** The API or the dispatcher as a process of its own, started again when it dies. */
export interface App {
  /**
   * Resolves when it answers that it is ready.
   *
   * @throws {ConfigurationError} with what it wrote on standard error, when it ends before
   */
  ready: Promise<void>;
  stop(): Promise<void>;
}

const readyEveryMs = 50;
const firstNoticeMs = 3000;
const nextNoticeMs = 10_000;

export function startApp({ name: app, number, env, url, isFromSources, stopMs, log }: AppOptions): App {
  const name = number === undefined ? `the ${app}` : `${app} ${number}`;
  const args = number === undefined ? [] : [String(number)];
  let complaint: string | undefined = isFromSources ? undefined : '';
  // An API that is several processes says so when all are. The process that watches the sources passes nothing on.
  let markReady: () => void;
  const saidReady = isFromSources
    ? Promise.resolve()
    : new Promise<void>((resolve) => {
        markReady = resolve;
      });
  const child = supervise({
    name,
    spawn() {
      // In a group of its own: Ctrl-C reaches only the parent, who stops all in order. The channel between them ends
      // with the parent, however that one dies, and the child then ends by itself.
      const started = spawn(process.execPath, [...findProgram(app, isFromSources), ...args], {
        env,
        detached: true,
        stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      });
      started.stderr?.on('data', (text: Buffer) => {
        if (complaint === undefined) process.stderr.write(text);
        else complaint += text.toString();
      });
      started.on('message', (message) => {
        if (message === readyMessage) markReady();
      });
      return started;
    },
    log,
    stopMs,
    lastSignal: 'SIGKILL',
  });

  const waitUntilReady = async () => {
    let noticeAt = performance.now() + firstNoticeMs;
    for (;;) {
      // Questions before that would only keep it from its start, but one says what it waits for.
      const hasSaidReady = await within(noticeAt - performance.now(), Promise.race([saidReady, child.failed]));
      const answer = await Promise.race([child.failed, askWhetherReady(url)]);
      if (typeof answer !== 'object') {
        // What it wrote is the reason; when both apps fail for the same one, it is said once.
        throw new ConfigurationError(
          complaint?.trim() || `posthorn cannot start: ${name} ended (${answer}) before it was ready.`,
        );
      }
      if (answer.isReady && hasSaidReady) break;
      if (performance.now() >= noticeAt) {
        noticeAt += nextNoticeMs;
        log(`still waiting for ${name}${answer.trouble ? `: ${answer.trouble}` : ''}`);
      }
      await new Promise((done) => setTimeout(done, readyEveryMs));
    }
    child.keepAlive();
    if (complaint) process.stderr.write(complaint);
    complaint = undefined;
  };
  return { ready: waitUntilReady(), stop: () => child.stop() };
}

/** Whether it is ready, and what it says that keeps it from that. */
async function askWhetherReady(url: string): Promise<{ isReady: boolean; trouble?: string }> {
  try {
    const { status, body } = await ask(`${url}/ready`, { signal: AbortSignal.timeout(2000) });
    const { error } = body as { error?: string };
    return { isReady: status === 200, ...(error === undefined ? {} : { trouble: error }) };
  } catch {
    return { isReady: false };
  }
}

function findProgram(name: string, isFromSources: boolean): string[] {
  const find = (file: string) => fileURLToPath(new URL(`../../${name}/${file}`, import.meta.url));
  if (!isFromSources) return [find('dist/main.js')];
  return ['--watch', '--conditions=@posthorn/source', '--import', 'tsx', find('src/main.ts')];
}
