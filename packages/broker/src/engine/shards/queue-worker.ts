import { raw2NextJobData, Worker, type Job, type JobJson } from 'bullmq';
import type { CompletedJob } from '../redis/scripts/scripts.ts';
import type { CompleteJob } from './complete-jobs.ts';
import type { Shards } from './shards.ts';
import { wrapText } from './unreadable.ts';

/** Seconds until a worker that was not woken looks by itself, in case a wake-up was lost: BullMQ's longest. */
export const maxBlockSeconds = 10;

/** What BullMQ does with every job. Jobs are stored without options, but for those of earlier versions. */
const jobOptions = {
  // The deliverer counts them, and says when the last one has failed.
  attempts: Infinity,
  // Our own: the wait is computed by `judge` and travels on the error.
  backoff: { type: 'posthorn' },
  // What has ended is read from the log and the dead letter queue; keeping the job too costs a tenth of Redis' time.
  removeOnComplete: true,
  removeOnFail: true,
};

type StoredJob = Job<unknown, undefined>;

/** BullMQ's worker; it also accepts jobs whose data is not JSON, which would otherwise stall forever. */
export class QueueWorker extends Worker<unknown, undefined> {
  /** Functions that detach the jobs that are being processed. */
  private readonly detachers = new Map<StoredJob, () => boolean>();
  private complete: (id: string, token: string, fetchNext: boolean) => Promise<CompletedJob> = () => {
    throw new Error('The worker has no way to end a job.');
  };
  /** The worker was not woken, and no shard had a job. One that is added now wakes it. */
  private findsNothing = false;

  /**
   * The main loop counts a job as long as this promise is pending. BullMQ renews the lock of a job and ends it in the
   * inner call, so a detached job is complete without its slot; only the next job is then fetched by the main loop.
   */
  override processJob(
    job: StoredJob,
    token: string,
    fetchNext: () => boolean = () => true,
  ): Promise<StoredJob | undefined> {
    return new Promise((resolve, reject) => {
      let state: 'in slot' | 'detached' | 'ending' = 'in slot';
      this.detachers.set(job, () => {
        if (state !== 'in slot') return false;
        state = 'detached';
        resolve(undefined);
        return true;
      });
      const fetchNextInSlot = () => {
        if (state === 'detached') return false;
        // From here on Redis may hand over the next job, which must reach the main loop.
        state = 'ending';
        return fetchNext();
      };
      super
        .processJob(job, token, fetchNextInSlot)
        .finally(() => this.detachers.delete(job))
        .then((next) => resolve(next ?? undefined), reject);
    });
  }

  /** Frees the slot of a job that is being processed. Says whether it had one. */
  detach(job: StoredJob): boolean {
    return this.detachers.get(job)?.() ?? false;
  }

  /** Looks for stalled jobs, and for jobs without having been woken, only where there may be some. */
  restWhileEmpty(shards: Pick<Shards, 'hasActive' | 'hasPending'>): void {
    const { backend } = this;
    const takeStalled = backend.moveStalledJobsToWait.bind(backend);
    backend.moveStalledJobsToWait = async () => ((await shards.hasActive()) ? takeStalled() : []);
    const wait = backend.waitForJob.bind(backend);
    backend.waitForJob = async (timeout) => {
      const marker = await wait(timeout);
      // After a shorter time it is the turn of a delayed job.
      this.findsNothing = marker === null && timeout === maxBlockSeconds && !(await shards.hasPending());
      return marker;
    };
  }

  /** Ends jobs together with those of other workers, from now on. */
  completeBy(completeJob: CompleteJob, jobPrefix: string): void {
    const { lockDuration = 0 } = this.opts;
    this.complete = (id, token, fetchNext) =>
      completeJob({ jobPrefix, id, token, nextLockMs: fetchNext ? lockDuration : 0 });
  }

  /** Ends a job of which nothing stays. BullMQ's own method takes a dozen steps that wait for nothing. */
  protected override async handleCompleted(
    _result: undefined,
    job: StoredJob,
    token: string,
    fetchNext: () => boolean = () => true,
  ) {
    // BullMQ leaves the job to another worker then, too.
    if (this.backend.closing) return undefined as unknown as StoredJob;
    const { id = '' } = job;
    const result = await this.complete(id, token, fetchNext() && !this.closing && !this.isPaused());
    if (typeof result === 'number' && result < 0) {
      throw this.backend.finishedErrors({ code: result, jobId: id, command: 'completeJobs', state: 'active' });
    }
    this.emit('completed', job, undefined, 'active');
    const next = typeof result === 'number' ? [] : raw2NextJobData(result);
    const [data, nextId, limitMs, lookAt] = next as Partial<
      [data: JobJson, id: string, limitMs: number, lookAt: number]
    >;
    (this as unknown as { updateDelays(limitMs?: number, lookAt?: number): void }).updateDelays(limitMs, lookAt);
    return this.nextJobFromJobData(data, nextId, token);
  }

  protected override async moveToActive(token: string, name?: string) {
    if (!this.findsNothing) return super.moveToActive(token, name);
    this.findsNothing = false;
    return undefined as unknown as StoredJob;
  }

  /**
   * Where a script says that a job was the last one (`sayWhenLast`), the worker goes on as after a response without a job:
   * it waits to be woken. BullMQ would ask for the next one first.
   */
  protected override async nextJobFromJobData(data?: JobJson, id?: string, token?: string) {
    // BullMQ keeps these two to itself: the time at which to look for a delayed job, and whether nothing waits.
    const state = this as unknown as { blockUntil: number; drained: boolean };
    const isLast = state.blockUntil > 0;
    if (!data) return super.nextJobFromJobData(data, id, token);
    // BullMQ would look whether the job is to be repeated, which none is, and call listeners, which it has none.
    const job = this.createJob(data, id ?? '');
    if (token !== undefined) job.token = token;
    state.drained = isLast;
    return job;
  }

  protected override createJob(stored: JobJson, id: string) {
    // BullMQ renews a lock by the time at which the job was handed over, which Redis does not keep.
    stored.opts = jobOptions;
    stored.processedOn = Date.now();
    try {
      return super.createJob(stored, id);
    } catch {
      return super.createJob({ ...stored, data: wrapText(stored.data) }, id);
    }
  }
}
