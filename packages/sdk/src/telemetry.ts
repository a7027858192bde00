import { readVariable } from './environment.ts';
import { version } from './version.ts';

/** What every message says about this client: its version, its platform and its runtime. A server may ignore it. */
export function createTelemetry(): Headers {
  const all = {
    'Upstash-Telemetry-Sdk': `posthorn-sdk@${version}`,
    'Upstash-Telemetry-Platform': findPlatform(),
    'Upstash-Telemetry-Runtime': findRuntime(),
  };
  return new Headers(Object.entries(all).filter(([, value]) => value !== ''));
}

function findPlatform(): string {
  const { caches } = globalThis as { caches?: object };
  if (caches && 'default' in caches) return 'cloudflare';
  if (readVariable('VERCEL')) return 'vercel';
  return readVariable('AWS_REGION') ? 'aws' : '';
}

function findRuntime(): string {
  const { process, EdgeRuntime } = globalThis as {
    process?: { version?: string; versions?: { bun?: string } };
    EdgeRuntime?: unknown;
  };
  if (process?.versions?.bun) return `bun@${process.versions.bun}`;
  if (typeof EdgeRuntime === 'string') return 'edge-light';
  return process?.version ? `node@${process.version}` : '';
}
