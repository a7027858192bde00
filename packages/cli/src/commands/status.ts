import type { Command } from 'commander';
import type { Act } from '../act.ts';
import { Failure } from '../failure.ts';
import { parseMetrics } from '../metrics.ts';

const timeoutMs = 10_000;

export function addStatus(command: Command, act: Act): void {
  command.action(
    act(async ({ client, connection: { url, token }, output }) => {
      const headers = { Authorization: `Bearer ${token}` };
      const ask = (path: string) => fetch(url + path, { headers, signal: AbortSignal.timeout(timeoutMs) });
      const ready = await ask('/ready').catch((error: unknown) => {
        throw new Failure(`${url} does not answer (${describe(error)}). Start posthorn with \`npm start\`.`, 4);
      });
      const { error, durability } = (await ready.json().catch(() => ({}))) as { error?: string; durability?: string };
      const metrics = await ask('/metrics').then(
        async (response) => parseMetrics(response.ok ? await response.text() : ''),
        () => parseMetrics(''),
      );
      const overview = ready.ok ? await client.overview({ timeoutMs }).catch(() => undefined) : undefined;
      output.fields({
        server: url,
        state: ready.ok ? 'ready' : 'not ready',
        durability,
        waiting: metrics('posthorn_messages_waiting'),
        delayed: metrics('posthorn_messages_delayed'),
        inFlight: metrics('posthorn_messages_in_flight'),
        retrying: overview?.retrying,
        deadLetters: metrics('posthorn_dlq_messages'),
        oldestWaitingSeconds: metrics('posthorn_oldest_waiting_seconds'),
        dispatchers: overview?.dispatchers.length,
        redisMemoryBytes: metrics('posthorn_redis_memory_used_bytes'),
      });
      if (!ready.ok) throw new Failure(error ?? `${url}/ready answered ${ready.status}.`, 4);
    }),
  );
}

function describe(error: unknown): string {
  const { cause, message } = error as Error & { cause?: Error };
  return cause?.message || message;
}
