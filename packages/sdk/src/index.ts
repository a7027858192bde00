export { SignatureError } from '@posthorn/shared';
export { Client, type ClientConfig } from './client.ts';
export { QstashDailyRatelimitError, QstashError, QstashRatelimitError, type RateLimit } from './errors.ts';
export type { Retry } from './http.ts';
export { Messages, type Message } from './messages.ts';
export type {
  Duration,
  HTTPMethods,
  PublishJsonRequest,
  PublishRequest,
  PublishResponse,
  PublishToUrlGroupsResponse,
  PublishToUrlResponse,
} from './publish.ts';
export { Receiver, type ReceiverConfig, type VerifyRequest } from './receiver.ts';
export {
  UrlGroups,
  type AddEndpointsRequest,
  type Endpoint,
  type RemoveEndpointsRequest,
  type UrlGroup,
} from './url-groups.ts';
