import { formatNumber } from '../format.ts';
import { announcement, held, showAll } from '../reading.ts';
import { useStore } from '../store.ts';
import { focusPlace } from './focus.ts';

/** The button that shows what the lists of the page hold back. It lies above the content, so that it moves nothing. */
export function ShowNew() {
  const arrivals = useStore(announcement);
  const lists = [...useStore(held).values()];
  // Several lists of a page show the same messages: the longest one speaks for all.
  const count = Math.max(0, ...lists.map((list) => list.count));
  return (
    <div class="show-new">
      <p role="status" class="hidden">
        {lists.length > 0 ? 'There are newer entries.' : arrivals}
      </p>
      {lists.length > 0 ? (
        <button
          type="button"
          class="primary"
          onClick={() => {
            showAll();
            focusPlace('main h1');
          }}
        >
          {count > 0 ? `Show ${formatNumber(count)} new` : 'Show changes'}
        </button>
      ) : null}
    </div>
  );
}
