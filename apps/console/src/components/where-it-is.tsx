import type { Place, Timeline } from '@posthorn/shared';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { serverNow } from '../api.ts';
import { Link, segment } from '../router.tsx';
import { Time } from './time.tsx';

/** The callbacks of a message are published within this time after its end. */
const callbackMs = 10_000;
/** Whether nothing will happen to the message any more; a dead letter can still be retried. */
export const isFinished = ({ where, message }: Timeline): boolean =>
  ['delivered', 'canceled'].includes(where.kind) && serverNow() - message.updatedAt > callbackMs;

const pendingKinds: Place['kind'][] = ['delayed', 'due', 'queued', 'limited', 'paused', 'in-flight', 'retrying'];
/** Whether more will happen to the message by itself. */
export const isPending = ({ kind }: Place): boolean => pendingKinds.includes(kind);

/** The sentence of the server; ids and names in it are links. */
export function WhereItIs({ where }: { where: Place }) {
  // A screen reader is told of each step, and not of each second of a wait.
  const [announced, announce] = useState('');
  const shownKind = useRef(where.kind);
  useEffect(() => {
    if (shownKind.current === where.kind) return;
    shownKind.current = where.kind;
    announce(where.text);
  }, [where.kind]);
  return (
    <>
      <p role="status" class="hidden">
        {announced}
      </p>
      <section aria-label="Where it is" class={`where ${where.kind}`}>
        <p>{linkParts(where)}</p>
        <p class="muted">
          Since <Time at={where.since} />
          {where.until === undefined ? null : (
            <>
              {' · '}until <Time at={where.until} />
            </>
          )}
        </p>
      </section>
    </>
  );
}

function linkParts({ text, name, kind }: Place): ComponentChildren[] {
  const lane = /\b(queue|flow-control key) /.exec(text)?.[1];
  const isLane = name !== undefined && lane !== undefined && ['queued', 'limited', 'paused'].includes(kind);
  return text.split(/(msg_[0-9A-Z]{26})/).flatMap((part): ComponentChildren[] => {
    if (/^msg_[0-9A-Z]{26}$/.test(part)) return [<Link to={`/messages/${segment(part)}`}>{part}</Link>];
    const at = isLane ? part.indexOf(`${lane} ${name}`) : -1;
    if (!isLane || at < 0) return [part];
    const from = at + lane.length + 1;
    const to = lane === 'queue' ? `/queues/${segment(name)}` : `/flow-control/${segment(name)}`;
    return [part.slice(0, from), <Link to={to}>{name}</Link>, part.slice(from + name.length)];
  });
}
