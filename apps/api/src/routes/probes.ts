import { contract, PosthornError } from '@posthorn/shared';
import type { AppParts } from '../app-parts.ts';
import { route } from './route.ts';

/** Whether the process lives, and whether it can work (contract R10). No token is needed. */
export const probeRoutes = ({ config, durability, findTrouble }: AppParts) => [
  route(contract.probes.health, () => Promise.resolve({ status: 'ok' as const })),
  route(contract.probes.ready, async () => {
    const trouble = await findTrouble();
    if (trouble) throw new PosthornError('unavailable', trouble);
    return { status: 'ready' as const, durability: durability(), shards: config.shards };
  }),
];
