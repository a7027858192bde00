import {
  groupNotFound,
  hidePassword,
  PosthornError,
  type EndpointReference,
  type GroupEndpoint,
  type UrlGroup,
} from '@posthorn/shared';
import { refuseForbidden, type DestinationGuard } from '../destinations/destination-guard.ts';
import type { RedisConnection } from '../engine/redis/connect.ts';
import { keyspace } from '../engine/redis/keyspace.ts';
import { readByAge } from '../views/read-in-pieces.ts';

/** URL groups, which the wire calls topics (contract O10). */
export interface UrlGroups {
  /** All of them, oldest first. */
  list(): AsyncIterable<UrlGroup>;
  get(name: string): Promise<UrlGroup | undefined>;
  /**
   * Adds in order; the same URL gets the new name, the same name the new URL.
   *
   * @throws {DestinationError} for an address that may not be reached: it would spoil each publish to the group
   */
  addEndpoints(name: string, endpoints: readonly GroupEndpoint[]): Promise<void>;
  /** @throws {PosthornError} `not_found` when there is no such group */
  removeEndpoints(name: string, references: readonly EndpointReference[]): Promise<void>;
  /**
   * Sets the default headers of every publish to the group, in place of those it had.
   *
   * @throws {PosthornError} `not_found` when there is no such group
   */
  setHeaders(name: string, headers: Record<string, string[]>): Promise<void>;
  remove(name: string): Promise<void>;
}

/** Groups that a list reads at a time: each may have 100 URLs of 8 KiB. */
const groupsAtOnce = 10;

export interface UrlGroupLimits {
  maxGroups: number;
  maxEndpoints: number;
}

export function createUrlGroups(
  redis: RedisConnection,
  guard: DestinationGuard,
  { maxGroups, maxEndpoints }: UrlGroupLimits,
): UrlGroups {
  /** Changes one group based on its stored value, and starts again if that value has changed in the meantime. */
  async function update(name: string, change: (group: UrlGroup | undefined) => UrlGroup | undefined): Promise<void> {
    for (;;) {
      const text = (await redis.hget(keyspace.urlGroups, name)) ?? '';
      const changed = change(text ? (JSON.parse(text) as UrlGroup) : undefined);
      const value = changed && changed.endpoints.length > 0 ? JSON.stringify(changed) : '';
      const replaced = await redis.replaceField(keyspace.urlGroups, name, text, value, maxGroups);
      if (replaced === 1) return;
      if (replaced === -1) throw new PosthornError('limit_exceeded', `There can be at most ${maxGroups} URL groups.`);
    }
  }

  async function get(name: string): Promise<UrlGroup | undefined> {
    const text = await redis.hget(keyspace.urlGroups, name);
    return text ? (JSON.parse(text) as UrlGroup) : undefined;
  }

  return {
    async *list() {
      yield* readByAge(await redis.hkeys(keyspace.urlGroups), groupsAtOnce, get);
    },
    get,
    async addEndpoints(name, endpoints) {
      for (const { url } of endpoints) refuseForbidden(guard, url, 'destination');
      await update(name, (group) => {
        const now = Date.now();
        const merged = mergeEndpoints(group?.endpoints ?? [], endpoints);
        if (merged.length > maxEndpoints) {
          throw new PosthornError('limit_exceeded', `A URL group can have at most ${maxEndpoints} endpoints.`);
        }
        return { createdAt: now, ...group, name, updatedAt: now, endpoints: merged };
      });
    },
    removeEndpoints: (name, references) =>
      update(name, (group) => {
        if (!group) throw groupNotFound(name);
        const isNamed = (endpoint: UrlGroup['endpoints'][number]) =>
          references.some(({ url, name: wanted }) =>
            wanted ? endpoint.name === wanted : endpoint.url === url || hidePassword(endpoint.url) === url,
          );
        return { ...group, updatedAt: Date.now(), endpoints: group.endpoints.filter((endpoint) => !isNamed(endpoint)) };
      }),
    setHeaders: (name, headers) =>
      update(name, (group) => {
        if (!group) throw groupNotFound(name);
        const { headers: _, ...rest } = group;
        return { ...rest, updatedAt: Date.now(), ...(Object.keys(headers).length > 0 ? { headers } : {}) };
      }),
    async remove(name) {
      await redis.hdel(keyspace.urlGroups, name);
    },
  };
}

/** No two endpoints of the result have the same URL or the same name. */
function mergeEndpoints(existing: UrlGroup['endpoints'], added: readonly GroupEndpoint[]): UrlGroup['endpoints'] {
  let merged = [...existing];
  for (const { url, name: given } of added) {
    const name = given || undefined;
    const isSame = (other: UrlGroup['endpoints'][number]) =>
      other.url === url || (name !== undefined && other.name === name);
    const replaced = merged.find(isSame);
    const endpoint = name === undefined ? { url } : { name, url };
    if (!replaced) merged.push(endpoint);
    else {
      const placed = replaced.url === url && name === undefined ? replaced : endpoint;
      // One endpoint may have had the URL and another one the name: the first of them stays.
      merged = merged.flatMap((other) => (other === replaced ? [placed] : isSame(other) ? [] : [other]));
    }
  }
  return merged;
}
