import { isLive } from '../live.ts';
import { useStore } from '../store.ts';

export function LiveSwitch() {
  const live = useStore(isLive);
  return (
    <button type="button" role="switch" class="switch" aria-checked={live} onClick={() => isLive.set(!live)}>
      <i aria-hidden="true" />
      Live
    </button>
  );
}
