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

/** Whether the reader would lose their place if rows moved: they have scrolled, are in a row, or have selected text. */
export function isReading(): boolean {
  const inRow = document.activeElement?.closest('tbody tr, li.line') !== null && document.activeElement !== null;
  return scrollY > 40 || inRow || getSelection()?.isCollapsed === false;
}
