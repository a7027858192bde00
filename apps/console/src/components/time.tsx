import { serverNow } from '../api.ts';
import { formatDistance, formatInstant } from '../format.ts';
import { chosenZone } from '../settings.ts';
import { createStore, useStore } from '../store.ts';

const clock = createStore(0);
setInterval(() => {
  if (document.visibilityState === 'visible') clock.set(clock.get() + 1);
}, 1000);

/** An instant: exact, in the zone of the reader, and how far away it is. */
export function Time({ at }: { at: number }) {
  useStore(clock);
  const zone = useStore(chosenZone);
  const now = serverNow();
  const exact = new Date(at).toISOString();
  return (
    <time dateTime={exact} title={exact}>
      {formatInstant(at, now, zone)} <small>{formatDistance(at, now)}</small>
    </time>
  );
}
