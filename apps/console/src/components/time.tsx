import { serverNow } from '../api.ts';
import { formatDistance, formatInstant } from '../format.ts';
import { timeZone } from '../settings.ts';
import { createStore, useStore } from '../store.ts';

const clock = createStore(0);
setInterval(() => {
  if (document.visibilityState === 'visible') clock.set(clock.get() + 1);
}, 1000);

/** An instant: exact, in the zone of the reader, and how far away it is. */
export function Time({ at, isShort = false }: { at: number; isShort?: boolean }) {
  useStore(clock);
  const zone = useStore(timeZone);
  const now = serverNow();
  const exact = formatInstant(at, now, zone);
  const title = `${new Date(at).toISOString()} (${zone})`;
  return (
    <time dateTime={new Date(at).toISOString()} title={title}>
      {isShort ? formatDistance(at, now) : exact} {!isShort && <small>{formatDistance(at, now)}</small>}
    </time>
  );
}
