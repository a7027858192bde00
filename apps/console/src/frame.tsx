import type { ComponentChildren, RefObject } from 'preact';
import { Link } from './router.tsx';

export const pages = [
  ['Overview', '/'],
  ['Messages', '/messages'],
  ['Dead letters', '/dead-letters'],
  ['Queues', '/queues'],
  ['URL groups', '/groups'],
  ['Schedules', '/schedules'],
  ['Flow control', '/flow-control'],
  ['Destinations', '/destinations'],
  ['Log', '/log'],
  ['Settings', '/settings'],
] as const;

/** The path of the page in the navigation that a page belongs to. */
export const findRoot = (path: string): string => `/${path.split('/')[1] ?? ''}`;

/** The landmarks of every page: its banner, the navigation, and the page itself. */
export function Frame({
  root,
  main,
  banner,
  children,
}: {
  /** Path of the page in the navigation that is shown, or that the page belongs to. */
  root?: string;
  main?: RefObject<HTMLElement | null>;
  /** What the banner has beside the name. */
  banner?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <>
      <a class="skip" href="#content">
        Skip to content
      </a>
      <header class="banner">
        <span class="brand">
          <Mark /> posthorn
        </span>
        {banner}
      </header>
      <nav aria-label="Main">
        <ul>
          {pages.map(([title, to]) => (
            <li>
              <Link to={to} aria-current={to === root ? 'page' : undefined}>
                {title}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <main id="content" {...(main ? { ref: main } : {})} tabIndex={-1}>
        {children}
      </main>
    </>
  );
}

function Mark() {
  return (
    <svg viewBox="0 0 32 32" width="20" height="20" aria-hidden="true">
      <rect width="32" height="32" rx="7" class="mark" />
      <path d="M7 13v6h4l9 5V8l-9 5z" fill="#fff" />
      <path d="M23 12a6 6 0 0 1 0 8" fill="none" stroke="#fff" stroke-width="2.5" stroke-linecap="round" />
    </svg>
  );
}
