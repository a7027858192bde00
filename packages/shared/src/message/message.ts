import type { HeaderMap } from '../headers/forward.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
export const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const satisfies readonly Method[];

/** Where the bytes of a body are: in the message itself, or under a key of their own. */
export type Body =
  | { kind: 'empty' }
  /** The body is valid UTF-8 and small. */
  | { kind: 'text'; text: string }
  /** The body is small and not UTF-8; standard base64 with padding. */
  | { kind: 'base64'; base64: string }
  /** The bytes lie under the body key of the message `key`, shared by all messages of one group publish. */
  | { kind: 'stored'; key: string };

/** One body for one destination, with its options: everything that is known when it is accepted. It never changes. */
export interface Message {
  url: string;
  method: Method;
  /** The headers of the delivery that the publisher chose: forwarded ones and `Content-Type`. */
  header: HeaderMap;
  body: Body;
  createdAt: number;
  /** The first attempt happens not before this instant; equals `createdAt` without a delay. */
  notBefore: number;
  maxRetries: number;
  timeoutMs: number;
  retryDelayExpression?: string;
  callerIp: string;
  topicName?: string;
  endpointName?: string;
  labels?: string[];
}
