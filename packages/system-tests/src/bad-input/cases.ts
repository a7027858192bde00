import type { BadInput } from './bad-input.ts';
import { access } from './cases/access.ts';
import { addresses } from './cases/addresses.ts';
import { bodies } from './cases/bodies.ts';
import { destinations } from './cases/destinations.ts';
import { filters } from './cases/filters.ts';
import { nouns } from './cases/nouns.ts';
import { options } from './cases/options.ts';
import { paths } from './cases/paths.ts';
import { schedules } from './cases/schedules.ts';
import { wire } from './cases/wire.ts';
import { workflows } from './cases/workflows.ts';

/** All of them, by what is strange about them. */
export const badInputs: Record<string, readonly BadInput[]> = {
  destinations,
  addresses: addresses.map((input) => ({ ...input, guarded: true })),
  options,
  bodies,
  access,
  paths,
  filters,
  nouns,
  schedules,
  wire,
  workflows,
};
