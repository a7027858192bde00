import { contract, Limits } from '@posthorn/shared';
import type { Config } from '../config.ts';
import { route } from './route.ts';

/** The limits in the configuration of this process. */
export function toLimits(config: Config): Limits {
  // A default above the maximum is the maximum.
  return Limits.parse({ ...config, defaultRetries: Math.min(config.defaultRetries, config.maxRetries) });
}

export const limitRoutes = (config: Config) => [route(contract.limits.get, () => Promise.resolve(toLimits(config)))];
