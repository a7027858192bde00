import type { ComponentChildren } from 'preact';
import { call } from '../api.ts';
import { segment } from '../router.tsx';
import { complain, report } from './notice.ts';

interface PauseButtonProps {
  /** Path of the resources, such as `/v2/queues`. */
  base: string;
  /** Name of the resource in its path. */
  name: string;
  isPaused: boolean;
  refresh: () => Promise<void>;
  /** What the button names beside its verb; nothing on the page of the resource. */
  children?: ComponentChildren;
}

/** Pauses or resumes a resource, reports it, and reads the resource again. */
export function PauseButton({ base, name, isPaused, refresh, children }: PauseButtonProps) {
  const change = async () => {
    try {
      await call(`${base}/${segment(name)}/${isPaused ? 'resume' : 'pause'}`, {
        method: 'POST',
        isRepeatable: true,
      });
      report(`${isPaused ? 'Resumed' : 'Paused'} ${name}.`);
      await refresh();
    } catch (error) {
      complain(error);
    }
  };
  return (
    <button type="button" onClick={() => void change()}>
      {isPaused ? 'Resume' : 'Pause'}
      {children === undefined ? null : <> {children}</>}
    </button>
  );
}
