import { parseDuration } from './duration.ts';

/** A flow-control value that is not of the grammar. The message begins with a text that clients know. */
export class FlowControlValueError extends Error {
  override name = 'FlowControlValueError';

  constructor(reason: string) {
    super(`Upstash-Flow-Control-Value should be either ${form}: ${reason}`);
  }
}

/** What a message says about its flow-control key; at least one of `parallelism` and `rate` is there. */
export interface FlowControlValue {
  /** Maximum number of attempts in flight. */
  parallelism?: number;
  /** Maximum number of attempts that start per period. */
  rate?: number;
  periodSeconds: number;
}

/**
 * Parses a value such as `parallelism=3, rate=10, period=1m` (contract H15).
 *
 * @throws {FlowControlValueError}
 */
export function parseFlowControlValue(text: string): FlowControlValue {
  const value: Partial<FlowControlValue> = {};
  for (const item of text.split(',')) parseItem(item.trim(), value);
  const { periodSeconds = 1, ...limits } = value;
  if (limits.parallelism === undefined && limits.rate === undefined) {
    throw new FlowControlValueError('period needs a rate or a parallelism beside it');
  }
  return { ...limits, periodSeconds };
}

/** The value in the form that `parseFlowControlValue` takes. */
export function formatFlowControlValue({ parallelism, rate, periodSeconds }: FlowControlValue): string {
  const items = { parallelism, rate, period: periodSeconds === 1 ? undefined : `${periodSeconds}s` };
  return Object.entries(items)
    .filter(([, item]) => item !== undefined)
    .map(([name, item]) => `${name}=${String(item)}`)
    .join(',');
}

const form = 'rate=X or parallelism=Y, or both as comma-separated values';
/** The longest period of a flow-control key, in seconds: one week. */
export const maxFlowPeriodSeconds = 604_800;

function parseItem(item: string, value: Partial<FlowControlValue>): void {
  const shown = item.length > 40 ? `${item.slice(0, 40)}…` : item;
  const [, name = '', text = ''] = /^([a-z]+)=(.*)$/s.exec(item) ?? [];
  const field = name === 'period' ? 'periodSeconds' : name;
  if (field !== 'parallelism' && field !== 'rate' && field !== 'periodSeconds') {
    throw new FlowControlValueError(`'${shown}' is none of parallelism=, rate= and period=`);
  }
  if (value[field] !== undefined) throw new FlowControlValueError(`${name} is given twice`);

  const number = field === 'periodSeconds' ? parsePeriod(text) : parseCount(text);
  if (number !== undefined) value[field] = number;
  else if (field !== 'periodSeconds') throw new FlowControlValueError(`'${shown}' is not a whole number of 1 or more`);
  else throw new FlowControlValueError(`'${shown}' is not a duration of whole seconds from 1s to 7d`);
}

function parseCount(text: string): number | undefined {
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  return count >= 1 && Number.isSafeInteger(count) ? count : undefined;
}

function parsePeriod(text: string): number | undefined {
  const seconds = (parseDuration(text) ?? 0) / 1000;
  return Number.isInteger(seconds) && seconds >= 1 && seconds <= maxFlowPeriodSeconds ? seconds : undefined;
}
