import { connect } from 'node:net';
import { eventually, readReplies, type RawReply } from '@posthorn/testkit';
import { findFault } from '@posthorn/testkit/reply-faults';
import type { FuzzRequest } from './generate.ts';

export interface FuzzReport {
  requests: number;
  seconds: number;
  /** Answers by status. */
  statuses: Record<string, number>;
  /** What must not be: 5xx, no response, a response of a wrong form. The first hundred, each with its request. */
  faults: string[];
  faultCount: number;
}

export interface FuzzOptions {
  requests: number;
  connections: number;
  /** Requests that are written on one connection before the first of them is answered. */
  pipelined: number;
  onReply?: (reply: RawReply) => void;
  onProgress?: (done: number) => void;
}

const answerWithinMs = 30_000;

/** Sends requests on several connections, without waiting for responses in between, and judges each answer. */
export async function fuzz(url: string, next: () => FuzzRequest, options: FuzzOptions): Promise<FuzzReport> {
  const startedAt = performance.now();
  const report: FuzzReport = { requests: 0, seconds: 0, statuses: {}, faults: [], faultCount: 0 };
  let left = options.requests;
  /** Sent on a connection that was closed before they were answered. */
  const cut: FuzzRequest[] = [];
  const cutOnce = new WeakSet<FuzzRequest>();
  /** Answered 503: a busy machine makes Redis wait. They are sent again when it does not, and must then be answered. */
  const refused: FuzzRequest[] = [];
  let isRepeating = false;

  const addFault = ({ bytes }: FuzzRequest, fault: string) => {
    report.faultCount += 1;
    if (report.faults.length < 100)
      report.faults.push(`${fault}\n  ${JSON.stringify(bytes.toString('latin1').slice(0, 1500))}`);
  };

  const judge = (request: FuzzRequest, reply: RawReply) => {
    report.statuses[reply.status] = (report.statuses[reply.status] ?? 0) + 1;
    options.onReply?.(reply);
    if (reply.status === 503 && !isRepeating) refused.push(request);
    else if (reply.status >= 500) addFault(request, `${reply.status} ${reply.body.slice(0, 300)}`);
    // What is broken may be another request than it was; that its response is sound is all that can be said.
    else if (!request.isBroken) {
      const fault = findFault(
        request.method,
        request.path,
        reply.status,
        reply.headers['content-type'] ?? '',
        reply.body,
      );
      if (fault) addFault(request, `${reply.status}: ${fault}; ${reply.body.slice(0, 300)}`);
    }
  };

  const take = (): FuzzRequest => {
    const request = cut.pop();
    if (request) return request;
    left -= 1;
    report.requests += 1;
    if (report.requests % 10_000 === 0) options.onProgress?.(report.requests);
    return next();
  };

  /** One connection, used until a broken request or the server ends it. */
  const converse = () =>
    new Promise<void>((resolve) => {
      const { hostname, port } = new URL(url);
      const socket = connect(Number(port), hostname);
      const waiting: FuzzRequest[] = [];
      /** Has to be alone, and so waits for the responses to those before. */
      let held: FuzzRequest | undefined;
      let isEnding = false;
      let isHanging = false;
      let lastAt = performance.now();
      const timer = setInterval(() => {
        isHanging = waiting.length > 0 && performance.now() - lastAt > answerWithinMs;
        if (isHanging) socket.destroy();
      }, 1000);

      const write = () => {
        while (!isEnding && (held || cut.length > 0 || left > 0) && waiting.length < options.pipelined) {
          const request = held ?? take();
          const isAlone = request.isBroken || cutOnce.has(request);
          held = isAlone && waiting.length > 0 ? request : undefined;
          if (held) return;
          waiting.push(request);
          isEnding = isAlone;
          // Whatever a broken request leaves open ends with what is sent.
          if (request.isBroken) socket.end(request.bytes);
          else socket.write(request.bytes);
        }
        if (waiting.length === 0) socket.end();
      };
      socket.on('connect', write);
      socket.on(
        'data',
        readReplies((reply) => {
          lastAt = performance.now();
          const request = waiting.shift();
          isEnding ||= reply.headers['connection'] === 'close';
          if (request) judge(request, reply);
          write();
        }),
      );
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clearInterval(timer);
        if (held) cut.push(held);
        for (const request of waiting) {
          if (isHanging) addFault(request, `no response within ${answerWithinMs} ms`);
          else if (cutOnce.has(request)) addFault(request, 'the connection was closed without a response');
          // A server may close behind a refusal, and what was sent after it is lost: asked alone, it has to answer.
          else if (!request.isBroken) {
            cutOnce.add(request);
            cut.push(request);
          }
        }
        resolve();
      });
    });

  const work = async () => {
    while (left > 0 || cut.length > 0) await converse();
  };
  const workOnAll = () => Promise.all(Array.from({ length: options.connections }, work));
  await workOnAll();
  if (refused.length > 0) {
    await eventually(async () => (await fetch(`${url}/ready`)).ok);
    isRepeating = true;
    cut.push(...refused);
    await workOnAll();
  }
  report.seconds = (performance.now() - startedAt) / 1000;
  return report;
}
