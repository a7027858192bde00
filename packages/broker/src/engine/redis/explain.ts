import { connect as connectPlain } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { RedisConnection } from './connect.ts';

/** Where a connection leads, as far as it matters for how it fails. */
export interface Target {
  host: string;
  port: number;
  isTls: boolean;
}

const certificateCodes =
  /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_TLS_CERT_ALTNAME_INVALID$|HOSTNAME_MISMATCH$)/;

/**
 * Why Redis will refuse this process until a setting is changed, as one sentence; `undefined` for a fault
 * that may pass by itself.
 */
export function explainRefusal(error: Error): string | undefined {
  // An error of a cluster holds that of the node.
  const cause = 'lastNodeError' in error && error.lastNodeError instanceof Error ? error.lastNodeError : error;
  const { message } = cause;
  const code = 'code' in cause ? String(cause.code) : '';
  if (message.startsWith('WRONGPASS')) {
    return 'REDIS_URL: Redis refuses the user name or the password (WRONGPASS); correct them in REDIS_URL.';
  }
  if (message.startsWith('NOAUTH')) {
    return 'REDIS_URL: Redis wants a password (NOAUTH); set REDIS_URL to redis://user:password@host:port.';
  }
  if (message.startsWith('DENIED')) {
    return 'REDIS_URL: Redis is in protected mode and takes connections from its own machine only; give it a password, and write it into REDIS_URL.';
  }
  if (/DB index|invalid DB|out of range/i.test(message) || isSelect(cause)) {
    return `REDIS_URL: Redis does not let posthorn use this database number (${message}); choose another one, or leave it out.`;
  }
  if (/cluster support disabled/i.test(message)) {
    return 'REDIS_URL: Redis is no cluster; set REDIS_URL to one address, without a comma.';
  }
  if (message.startsWith('Unknown RESP type')) {
    return 'REDIS_URL: what answers there is not Redis; set REDIS_URL to where Redis runs.';
  }
  if (certificateCodes.test(code)) {
    return `REDIS_URL: the certificate of Redis cannot be trusted (${message}); use the name that it is for, and set NODE_EXTRA_CA_CERTS to the file of an authority of your own.`;
  }
  return undefined;
}

function isSelect(error: Error): boolean {
  return 'command' in error && (error.command as { name?: string } | undefined)?.name === 'select';
}

/** The address that a connection tries first; `undefined` where TLS is no question, or sentinels are asked. */
export function findTarget({ options }: RedisConnection): Target | undefined {
  if ('redisOptions' in options) return undefined;
  const { host = '127.0.0.1', port = 6379, tls, path, sentinels } = options;
  return path || sentinels ? undefined : { host, port, isTls: tls !== undefined };
}

const answerWithinMs = 1000;

/** Asks the server itself whether one side speaks TLS and the other does not; neither says so. */
export async function explainTls({ host, port, isTls }: Target): Promise<string | undefined> {
  if (isTls) {
    if (!(await answersPlain(host, port))) return undefined;
    return `REDIS_URL: Redis does not speak TLS on port ${port}; use redis:// in place of rediss://, or the port for TLS.`;
  }
  if (!(await answersTls(host, port))) return undefined;
  return `REDIS_URL: Redis speaks TLS on port ${port}; use rediss:// in place of redis://.`;
}

function answersPlain(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectPlain({ host, port, timeout: answerWithinMs }, () => socket.write('PING\r\n'));
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    // Anything that Redis says: it may want a password first.
    socket.on('data', (data) => end(/^[+-]/.test(data.toString('latin1'))));
    socket
      .on('timeout', () => end(false))
      .on('error', () => end(false))
      .on('close', () => end(false));
  });
}

function answersTls(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    // Nothing is sent over this connection, so it needs no trust.
    const socket = connectTls({ host, port, timeout: answerWithinMs, rejectUnauthorized: false }, () => end(true));
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket
      .on('timeout', () => end(false))
      .on('error', () => end(false))
      .on('close', () => end(false));
  });
}
