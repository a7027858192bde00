import { useEffect, useState } from 'preact/hooks';
import { call, formatQuery } from '../api.ts';
import { sleep } from '../sleep.ts';
import type { Preview } from './next-times.tsx';

/** What expressions mean, as the server says; that never changes. */
const words = new Map<string, Promise<string>>();
/** One request follows the other after a pause, so that a long list leaves room for what the reader does. */
let queue: Promise<unknown> = Promise.resolve();
const pauseMs = 300;

function readWords(expression: string): Promise<string> {
  let found = words.get(expression);
  if (!found) {
    found = queue.then(
      async () => (await call<Preview>(`/v2/cron${formatQuery({ expression })}`, { isBackground: true })).text,
    );
    words.set(expression, found);
    found.catch(() => words.delete(expression));
    queue = found.catch(() => undefined).then(() => sleep(pauseMs));
  }
  return found;
}

/** A cron expression without its time zone, and the same in words, with it. */
export function CronWords({ cron }: { cron: string }) {
  const [text, setText] = useState('');
  useEffect(() => {
    let isOld = false;
    setText('');
    readWords(cron).then(
      (found) => {
        if (!isOld) setText(found);
      },
      () => undefined,
    );
    return () => {
      isOld = true;
    };
  }, [cron]);
  return (
    <>
      <code>{cron.replace(/^(?:CRON_)?TZ=\S+\s+/, '')}</code>
      <small>{text}</small>
    </>
  );
}

/** The zone that a cron expression names; UTC when it names none. */
export const readCronZone = (cron: string): string => /^(?:CRON_)?TZ=(\S+)/.exec(cron)?.[1] ?? 'UTC';
