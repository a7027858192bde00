import { isBusy, isFailing, isOffline } from '../api.ts';
import { useStore } from '../store.ts';
import { focusPlace } from './focus.ts';
import { notice } from './notice.ts';

/** The result of the last action, and whether the server can be reached. */
export function Notices() {
  const shown = useStore(notice);
  const offline = useStore(isOffline);
  const busy = useStore(isBusy);
  const failing = useStore(isFailing);
  const isStatus = shown?.kind === 'status';
  return (
    <div class="notices">
      <div class={isStatus ? 'notice' : ''}>
        <div role="status">{isStatus ? shown.content : ''}</div>
        {isStatus ? <Close /> : null}
      </div>
      {shown?.kind === 'alert' ? (
        <div class="notice bad">
          <div role="alert">{shown.content}</div>
          <Close />
        </div>
      ) : null}
      <div role="status" class={busy && !offline ? 'notice' : ''}>
        {busy && !offline ? 'The server is busy; the console tries again.' : ''}
      </div>
      {failing && !offline ? (
        <div role="alert" class="notice bad">
          The server cannot bring this page up to date. What is shown may be old; the console tries again.
        </div>
      ) : null}
      {offline ? (
        <div role="alert" class="notice bad">
          Connection lost. What is shown may be old; the console tries again.
        </div>
      ) : null}
    </div>
  );
}

function Close() {
  return (
    <button
      type="button"
      class="small"
      aria-label="Close notice"
      onClick={() => {
        notice.set(undefined);
        focusPlace('main h1');
      }}
    >
      ×
    </button>
  );
}
