import type { ComponentChildren } from 'preact';
import { createStore, useStore } from './store.ts';

const base = '/console';

/** Where the console is: a path below `/console`, and its query. */
export interface Location {
  path: string;
  query: URLSearchParams;
}

const parseLocation = (): Location => ({
  path: location.pathname.slice(base.length) || '/',
  query: new URLSearchParams(location.search),
});

export const currentLocation = createStore<Location>(parseLocation());
/** Whether the reader came to this page by "back" or "forward", where the browser scrolls to the place that they left. */
let isReturn = false;
export const hasReturned = (): boolean => isReturn;
addEventListener('popstate', () => {
  isReturn = true;
  currentLocation.set(parseLocation());
});

/** Goes to a page. `isReplaced`: the page before is left out of the history, as for filters while they are typed. */
export function navigate(to: string, { isReplaced = false } = {}): void {
  if (isReplaced) history.replaceState(null, '', base + to);
  else history.pushState(null, '', base + to);
  const before = currentLocation.get().path;
  isReturn = false;
  currentLocation.set(parseLocation());
  if (currentLocation.get().path !== before && !isReplaced) scrollTo(0, 0);
}

/** Changes parameters of the query; an empty value removes one. A cursor belongs to the filters that it was given for. */
export function setQuery(changes: Record<string, string | undefined>, options = { isReplaced: true }): void {
  const { path, query } = currentLocation.get();
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === '') next.delete(name);
    else next.set(name, value);
  }
  if (!('cursor' in changes)) next.delete('cursor');
  const text = next.toString();
  navigate(path + (text === '' ? '' : `?${text}`), options);
}

export const useLocation = (): Location => useStore(currentLocation);

export interface LinkProps {
  to: string;
  key?: string;
  class?: string;
  'aria-current'?: 'page' | undefined;
  onClick?: () => void;
  children?: ComponentChildren;
}

/** A link to a page of the console. `to` always begins with a slash, so that no text of a user becomes a scheme. */
export function Link({ to, onClick, ...rest }: LinkProps) {
  return (
    <a
      {...rest}
      href={base + to}
      onClick={(event) => {
        onClick?.();
        if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        navigate(to);
      }}
    />
  );
}

/** One part of a path, encoded. */
export const segment = (text: string): string => encodeURIComponent(text);
