import { urlGroups, type EndpointReference, type GroupEndpoint, type UrlGroup } from '@posthorn/shared';
import { QstashError } from './errors.ts';
import type { Http } from './http.ts';

export type { UrlGroup } from '@posthorn/shared';
export type Endpoint = GroupEndpoint;

export interface AddEndpointsRequest {
  name: string;
  endpoints: Endpoint[];
}

export interface RemoveEndpointsRequest {
  name: string;
  /** Each by its name or its URL. */
  endpoints: EndpointReference[];
}

/** Named lists of endpoints; a message to a group goes to all of them. */
export class UrlGroups {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Adds endpoints in order; creates the group when needed. */
  addEndpoints({ name, endpoints }: AddEndpointsRequest): Promise<void> {
    return this.#http.send(urlGroups.addEndpoints, { params: { name: requireName(name) }, json: { endpoints } });
  }

  /** Removes endpoints; with the last one the group goes. */
  removeEndpoints({ name, endpoints }: RemoveEndpointsRequest): Promise<void> {
    return this.#http.send(urlGroups.removeEndpoints, { params: { name: requireName(name) }, json: { endpoints } });
  }

  list(): Promise<UrlGroup[]> {
    return this.#http.call(urlGroups.list);
  }

  /** @throws {QstashError} with status 404 when there is none */
  get(name: string): Promise<UrlGroup> {
    return this.#http.call(urlGroups.get, { params: { name: requireName(name) } });
  }

  /** Succeeds also when there is no such group. */
  delete(name: string): Promise<void> {
    return this.#http.send(urlGroups.remove, { params: { name: requireName(name) } });
  }
}

/** An empty name would make the path that of the whole list. */
function requireName(name: string): string {
  if (!name) throw new QstashError('Url group name cannot be empty');
  return name;
}
