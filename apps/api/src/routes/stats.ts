import { contract, type Overview } from '@posthorn/shared';
import type { AppParts } from '../app-parts.ts';
import { createCache } from './cache.ts';
import type { route } from './route.ts';

/** Counts, destinations and the state of the whole system. */
export function statsRoutes({ broker, redisState }: AppParts, page: typeof route) {
  const { views } = broker;
  // Many tabs of the console ask at the same time. A state that is one second old is recent enough.
  const overview = createCache<Overview>(1000, async () => {
    const { memoryUsedBytes, memoryMaxBytes, durability } = redisState();
    const redis = {
      usedBytes: memoryUsedBytes,
      ...(memoryMaxBytes > 0 ? { maxBytes: memoryMaxBytes } : {}),
      durability,
    };
    return { ...(await views.overview()), redis };
  });
  return [
    page(contract.stats.stats, ({ query }) => views.stats.read(query)),
    page(contract.stats.destinations, ({ query }) => views.destinations.list(query)),
    page(contract.stats.overview, async () => ({ ...(await overview()), time: Date.now() })),
  ];
}
