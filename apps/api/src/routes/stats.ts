import { contract, type DestinationsQuery, type Overview, type StatsQuery } from '@posthorn/shared';
import type { AppParts } from '../app-parts.ts';
import { createCache } from './cache.ts';
import type { route } from './route.ts';

/**
 * Counts are kept for so long. They are written once in a second, and the console reads them 1.4 s after a change for the
 * last time: then they must not be those of before.
 */
const countsMs = 300;

/** Counts, destinations and the state of the whole system. */
export function statsRoutes({ broker, redisState }: AppParts, page: typeof route) {
  const { views } = broker;
  // Many tabs of the console ask at the same time. A state that is one second old is recent enough.
  const overview = createCache(1000, async (): Promise<Overview> => {
    const { memoryUsedBytes, memoryMaxBytes, durability } = redisState();
    const redis = {
      usedBytes: memoryUsedBytes,
      ...(memoryMaxBytes > 0 ? { maxBytes: memoryMaxBytes } : {}),
      durability,
    };
    return { ...(await views.overview()), redis };
  });
  const stats = createCache(countsMs, (query: StatsQuery) => views.stats.read(query));
  const destinations = createCache(countsMs, (query: DestinationsQuery) => views.destinations.list(query));
  return [
    page(contract.stats.stats, ({ query }) => stats(query)),
    page(contract.stats.destinations, ({ query }) => destinations(query)),
    page(contract.stats.overview, async () => ({ ...(await overview(undefined)), time: Date.now() })),
  ];
}
