import { formatQuery } from '../api.ts';
import { Link, usePlace } from '../router.tsx';

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
  const { query } = usePlace();
  const at = (cursor: string | undefined) => path + formatQuery({ ...Object.fromEntries(query), cursor });
  return (
    <nav aria-label="Pages" class="pages">
      {(query.get('cursor') ?? '') === '' ? null : <Link to={at(undefined)}>{first}</Link>}
      {next === undefined ? null : <Link to={at(next)}>{more}</Link>}
    </nav>
  );
}
