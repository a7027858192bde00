import type { ApiError } from '../api.ts';
import { Link } from '../router.tsx';
import { Fallback } from './fallback.tsx';
import { PageHead } from './page-head.tsx';

/** The page of a resource that is being read, or that does not exist. */
export function Missing({
  error,
  title,
  what,
  to,
  link,
}: {
  error: ApiError | undefined;
  title: string;
  what: string;
  to: string;
  link: string;
}) {
  return (
    <>
      <PageHead title={error?.status === 404 ? 'Not found' : title} />
      <Fallback
        error={error}
        what={
          <p>
            {what} was not found. <Link to={to}>{link}</Link>
          </p>
        }
      />
    </>
  );
}
