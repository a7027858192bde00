import type { DestinationsQuery, DestinationView } from '@posthorn/shared';
import { hashField } from '../../engine/log/digest.ts';
import type { DlqSummary } from '../dlq/summary.ts';
import { hostOf } from '../stats/counter.ts';
import { successRateOf, type HostStats, type StatsReader } from '../stats/read-stats.ts';
import type { PendingSample } from '../overview/pending-sample.ts';

export interface DestinationsParts {
  stats: StatsReader;
  dlq: DlqSummary;
  sample: PendingSample;
}

export interface Destinations {
  list(query: DestinationsQuery): Promise<{ destinations: DestinationView[]; cursor?: string }>;
}

const orders: Record<NonNullable<DestinationsQuery['order']>, (a: DestinationView, b: DestinationView) => number> = {
  errors: (a, b) => b.errors - a.errors || b.attempts - a.attempts,
  attempts: (a, b) => b.attempts - a.attempts,
  slow: (a, b) => b.p95Ms - a.p95Ms,
  name: () => 0,
};

export function createDestinations({ stats, dlq, sample }: DestinationsParts): Destinations {
  return {
    async list({ from, to, order = 'errors', host: wanted, cursor, count = 100 }) {
      const [hosts, counts, sampled] = await Promise.all([stats.readHosts(from, to), dlq.countByHost(), sample.read()]);
      const pending = new Map<string, { waiting: number; inFlight: number }>();
      for (const { message, isInFlight, weight } of sampled) {
        const host = hostOf(message.url);
        const sum = pending.get(host) ?? { waiting: 0, inFlight: 0 };
        if (isInFlight) sum.inFlight += weight;
        else sum.waiting += weight;
        pending.set(host, sum);
      }
      const all = hosts
        .filter(({ host }) => host !== '' && (!wanted || wanted.includes(host)))
        .map((host) => {
          const { waiting = 0, inFlight = 0 } = pending.get(host.host) ?? {};
          const now = { waiting: Math.round(waiting), inFlight: Math.round(inFlight) };
          return formatDestination(host, { ...now, dead: counts.get(hashField(host.host)) ?? 0 });
        })
        .sort((a, b) => orders[order](a, b) || a.host.localeCompare(b.host));
      const start = Number(cursor || 0);
      const destinations = all.slice(start, start + count);
      return { destinations, ...(start + count < all.length ? { cursor: String(start + count) } : {}) };
    },
  };
}

function formatDestination(
  { host, counts, p50Ms, p95Ms, lastDeliveredAt, lastError }: HostStats,
  now: Pick<DestinationView, 'waiting' | 'inFlight' | 'dead'>,
): DestinationView {
  const { attempts, delivered, errors, failed } = counts;
  return {
    host,
    attempts,
    delivered,
    errors,
    failed,
    successRate: successRateOf(counts),
    p50Ms,
    p95Ms,
    ...now,
    ...(lastDeliveredAt === undefined ? {} : { lastDeliveredAt }),
    ...(lastError === undefined ? {} : { lastError }),
  };
}
