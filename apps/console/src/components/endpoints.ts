import { call } from '../api.ts';
import { formatPercent } from '../format.ts';
import { segment } from '../router.tsx';

/** Adds an endpoint to a URL group, which its first endpoint creates. */
export const addEndpoint = (group: string, url: string, name: string): Promise<unknown> =>
  call(`/v2/topics/${segment(group)}/endpoints`, {
    method: 'POST',
    isRepeatable: true,
    body: { endpoints: [{ url, ...(name === '' ? {} : { name }) }] },
  });

export interface Counts {
  attempts: number;
  errors: number;
}

/** The share of attempts that succeeded. */
export const formatRate = ({ attempts, errors }: Counts = { attempts: 0, errors: 0 }): string =>
  attempts === 0 ? '–' : formatPercent(1 - errors / attempts);
