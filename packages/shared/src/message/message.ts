import type { HeaderMap } from '../headers/forward.ts';
import type { Callback, FlowControl } from './callback.ts';
import type { Method } from './method.ts';
import type { Redaction } from './redaction.ts';
import type { RunMessage } from './run-message.ts';

/** Where the bytes of a body are: in the message itself, or under a key of their own. */
export type Body =
  | { kind: 'empty' }
  /** The body is valid UTF-8 and small. */
  | { kind: 'text'; text: string }
  /** The body is small and not UTF-8; standard base64 with padding. */
  | { kind: 'base64'; base64: string }
  /**
   * The bytes lie under the body key of the message `key`, shared by all messages of one group publish. A message that an
   * earlier version stored does not say how many they are.
   */
  | { kind: 'stored'; key: string; sizeBytes?: number };

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
  /** Gets the outcome of every attempt (contract D18). */
  callback?: Callback;
  /** Gets a request when the message has finally failed. */
  failureCallback?: Callback;
  /** What views of the message must not show. With a redacted body, what they show instead of it. */
  redaction?: Redaction & { bodyMarker?: string };
  flowControl?: FlowControl;
  scheduleId?: string;
  /** The named queue that the message is in. */
  queueName?: string;
  /** Published again from the dead letter queue: the id of the dead message. */
  retryOf?: string;
  /** A callback: the queue waits for its end, too, before the slot of this message of the queue is free. */
  holds?: { queueName: string; messageId: string };
  /** The run of a workflow that this message belongs to; its body is made from the log of the run. */
  workflow?: RunMessage;
}
