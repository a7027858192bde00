import type { State as MessageState } from '@posthorn/shared';

/** The states of messages, for filters. Of the contract the console has types alone. */
export const messageStates = [
  'CREATED',
  'ACTIVE',
  'ERROR',
  'RETRY',
  'DELIVERED',
  'FAILED',
  'CANCEL_REQUESTED',
  'CANCELED',
] as const satisfies readonly MessageState[];

const tones: Record<string, string> = {
  DELIVERED: 'good',
  FAILED: 'bad',
  ERROR: 'warn',
  RETRY: 'warn',
  CANCELED: 'still',
  CANCEL_REQUESTED: 'still',
  paused: 'warn',
};

/** Whether a queue, a schedule or a key delivers now. */
export const formatPaused = (isPaused: boolean): string => (isPaused ? 'paused' : 'running');

/** A state of a message, of a queue, of a schedule or of a key, always as text; the colour only helps. */
export function State({ state, status }: { state: string; status?: number | undefined }) {
  return (
    <span class={`state ${tones[state] ?? 'neutral'}`}>
      {state}
      {status === undefined || status === 0 ? '' : ` ${status}`}
    </span>
  );
}
