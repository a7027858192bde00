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
   * @throws as a publish does for headers with which each publish to the group would fail
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

export interface UrlGroupParts {
  redis: RedisConnection;
  guard: DestinationGuard;
  /** Throws for default headers with which each publish would fail. */
  checkDefaults: (headers: Record<string, string[]>) => void;
}

export function createUrlGroups(
  { redis, guard, checkDefaults }: UrlGroupParts,
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
        const isNamed = createEndpointTest(references);
        return { ...group, updatedAt: Date.now(), endpoints: group.endpoints.filter((endpoint) => !isNamed(endpoint)) };
      }),
    async setHeaders(name, headers) {
      checkDefaults(headers);
      await update(name, (group) => {
        if (!group) throw groupNotFound(name);
        const { headers: _, ...rest } = group;
        return { ...rest, updatedAt: Date.now(), ...(Object.keys(headers).length > 0 ? { headers } : {}) };
      });
    },
    async remove(name) {
      await redis.hdel(keyspace.urlGroups, name);
    },
  };
}

type Endpoint = UrlGroup['endpoints'][number];

/** Tests whether one of the references means an endpoint: by its name, or by its URL as it is stored or as it is shown. */
function createEndpointTest(references: readonly EndpointReference[]): (endpoint: Endpoint) => boolean {
  const names = new Set<string>();
  const urls = new Set<string>();
  for (const { url, name } of references) {
    if (name) names.add(name);
    else if (url) urls.add(url);
  }
  return ({ url, name }) => (name !== undefined && names.has(name)) || urls.has(url) || urls.has(hidePassword(url));
}

/** No two endpoints of the result have the same URL or the same name. A request may add thousands. */
function mergeEndpoints(existing: readonly Endpoint[], added: readonly GroupEndpoint[]): Endpoint[] {
  const merged: (Endpoint | undefined)[] = [];
  const byUrl = new Map<string, number>();
  const byName = new Map<string, number>();
  const put = (endpoint: Endpoint, at: number) => {
    merged[at] = endpoint;
    byUrl.set(endpoint.url, at);
    if (endpoint.name !== undefined) byName.set(endpoint.name, at);
  };
  const remove = (at: number) => {
    const { url = '', name = '' } = merged[at] ?? {};
    merged[at] = undefined;
    byUrl.delete(url);
    byName.delete(name);
  };

  for (const endpoint of existing) put(endpoint, merged.length);
  for (const { url, name: given } of added) {
    const name = given || undefined;
    const same = [byUrl.get(url), name === undefined ? undefined : byName.get(name)].filter((at) => at !== undefined);
    const at = same.length > 0 ? Math.min(...same) : merged.length;
    const replaced = merged[at];
    // One endpoint may have had the URL and another one the name: the first of them stays.
    for (const other of same) remove(other);
    const isUnchanged = replaced?.url === url && name === undefined;
    put(isUnchanged ? replaced : name === undefined ? { url } : { name, url }, at);
  }
  return merged.filter((endpoint) => endpoint !== undefined);
}
