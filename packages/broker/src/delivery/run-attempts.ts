import type { HeaderMap, Outcome, RunMessage } from '@posthorn/shared';
import type { Job } from '../engine/shards/shard.ts';

/** A message of a run of a workflow. */
export type RunJob = Job & { message: { workflow: RunMessage } };

export function isRunJob(job: Job): job is RunJob {
  return job.message.workflow !== undefined;
}

/** What is sent for a message of a run; or why nothing is sent, which is no fault of the message. */
export type Composed = { header: HeaderMap; body: Buffer | string } | { dropped: string };

/** What is different in an attempt at a message of a run. `workflows/` implements it, which comes after this folder. */
export interface RunAttempts {
  /** Headers and body from the log of the run. */
  compose(job: RunJob): Promise<Composed>;
  /** Changes an outcome to what it means for the run. */
  judge(job: RunJob, outcome: Outcome): Promise<Outcome>;
}
