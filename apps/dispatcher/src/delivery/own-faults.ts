import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { everySecond, type Log } from '@posthorn/process';
import type { DestinationResponse } from '@posthorn/shared';

/** What this machine or process can lack. */
const kinds = { files: 'no-files', memory: 'no-memory', ports: 'no-ports' } as const;
type Kind = (typeof kinds)[keyof typeof kinds];

const codes: Record<string, Kind> = {
  EMFILE: kinds.files,
  ENFILE: kinds.files,
  ENOMEM: kinds.memory,
  ENOBUFS: kinds.memory,
  EAI_MEMORY: kinds.memory,
  ERR_MEMORY_ALLOCATION_FAILED: kinds.memory,
  EAGAIN: kinds.ports,
};

const advice: Record<Kind, string> = {
  'no-files': 'This process or machine has no file descriptors left; raise the limit of open files (ulimit -n).',
  'no-memory': 'This machine has no memory left for connections; give it more, or lower DISPATCHER_CONCURRENCY.',
  'no-ports': 'This machine has no local ports left for connections; widen net.ipv4.ip_local_port_range.',
};

/** The resolver reports these for a wrong name and for a lack of descriptors. */
const ambiguous = new Set(['EAI_AGAIN', 'EAI_SYSTEM', 'EAI_FAIL', 'ENOTFOUND']);
/** After this time without a fault the trouble has ended. */
const quietMs = 10_000;
/** Trouble that lasts longer than this makes the process unready. */
const patienceMs = 5000;

/** Attempts that failed because this machine lacked something. They say nothing about their destination. */
export interface OwnFaults {
  /** Whether the attempt with this result failed so; if it did, it is counted and logged. */
  isOurs(response: DestinationResponse): boolean;
  /** By kind, since the start. */
  counts(): Readonly<Record<Kind, number>>;
  /** Why this process is not ready, while the lack persists. */
  trouble(): string | undefined;
  stop(): void;
}

/** @param now a monotonic clock, in milliseconds */
export function createOwnFaults(log: Log, now: () => number): OwnFaults {
  const counts: Record<Kind, number> = { 'no-files': 0, 'no-memory': 0, 'no-ports': 0 };
  const current = new Map<Kind, { since: number; lastAt: number; count: number }>();

  const looks = everySecond(() => {
    for (const [kind, { lastAt, count }] of current) {
      if (now() - lastAt < quietMs) continue;
      current.delete(kind);
      log.info({ kind, count }, 'trouble.ended');
    }
  });

  function note(kind: Kind, code: string): void {
    counts[kind]++;
    const trouble = current.get(kind);
    if (trouble) {
      trouble.lastAt = now();
      trouble.count++;
      return;
    }
    current.set(kind, { since: now(), lastAt: now(), count: 1 });
    log.warn({ kind, code, reason: `${advice[kind]} Messages that meet this are deferred.` }, 'trouble.started');
  }

  return {
    isOurs({ status, code, error }) {
      if (status !== 0 || code === undefined) return false;
      const kind = classifyFault(code, error ?? '') ?? (ambiguous.has(code) && lacksFiles() ? kinds.files : undefined);
      if (kind) note(kind, code);
      return kind !== undefined;
    },
    counts: () => counts,
    trouble() {
      const [kind] = [...current].find(([, { since, lastAt }]) => lastAt - since > patienceMs) ?? [];
      return kind && advice[kind];
    },
    stop: looks.stop,
  };

  /** A descriptor may have become free since the resolver found none. */
  function lacksFiles(): boolean {
    if (current.has(kinds.files)) return true;
    try {
      closeSync(openSync(devNull, 'r'));
      return false;
    } catch {
      return true;
    }
  }
}

function classifyFault(code: string, error: string): Kind | undefined {
  // For an IPv6 destination this means that the machine has no IPv6 address, so a retry would not help.
  if (code === 'EADDRNOTAVAIL') return /EADDRNOTAVAIL \d+(\.\d+){3}\b/.test(error) ? kinds.ports : undefined;
  return Object.hasOwn(codes, code) ? codes[code] : undefined;
}
