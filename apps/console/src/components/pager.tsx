import { useEffect, useRef } from 'preact/hooks';
import { formatQuery } from '../api.ts';
import { Link, useLocation } from '../router.tsx';
import { focusPlace } from './focus.ts';

/** The links below a list: back to its first page, and to the one after this. The filters of the address stay. */
export function Pager({
  path,
  next,
  first = 'Newest',
  more = 'Older',
}: {
  path: string;
  /** Where the next page begins; `undefined` on the last. */
  next: string | undefined;
  first?: string;
  more?: string;
}) {
  const { query } = useLocation();
  const cursor = query.get('cursor') ?? '';
  const isFollowed = useRef(false);
  useEffect(() => {
    // The link that was followed may be gone: there is no page before the first, nor after the last.
    if (isFollowed.current && document.activeElement === document.body) focusPlace('main h1');
  }, [cursor, next]);
  const at = (to: string | undefined) => path + formatQuery({ ...Object.fromEntries(query), cursor: to });
  const follow = () => (isFollowed.current = true);
  if (cursor === '' && next === undefined) return null;
  return (
    <nav aria-label="Pages" class="pages">
      {cursor === '' ? null : (
        <Link key="first" to={at(undefined)} onClick={follow}>
          {first}
        </Link>
      )}
      {next === undefined ? null : (
        <Link key="more" to={at(next)} onClick={follow}>
          {more}
        </Link>
      )}
    </nav>
  );
}
