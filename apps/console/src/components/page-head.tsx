import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · posthorn`;
  }, [title]);
}

/** The heading of a page, which is also its title, with its actions beside it. */
export function PageHead({ title, children }: { title: string; children?: ComponentChildren }) {
  useTitle(title);
  return (
    <div class="page-head">
      <h1 tabIndex={-1}>{title}</h1>
      {children === undefined ? null : <div class="actions">{children}</div>}
    </div>
  );
}
