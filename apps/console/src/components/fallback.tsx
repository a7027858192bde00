import type { ComponentChildren, JSX } from 'preact';
import type { ApiError } from '../api.ts';

/** Shown in place of data that is being read, was refused, or does not exist. */
export function Fallback({ error, what = '' }: { error: ApiError | undefined; what?: ComponentChildren }) {
  if (!error) return <p class="muted">Loading…</p>;
  if (error.status === 404) return what as JSX.Element;
  if (error.status === 0 || error.status === 401) return <p class="muted">Waiting for the server…</p>;
  return (
    <p class="fault" role="alert">
      {error.message}
    </p>
  );
}
