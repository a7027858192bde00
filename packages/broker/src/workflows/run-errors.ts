import { DestinationError, ForwardError, PosthornError, PublishOptionsError } from '@posthorn/shared';
import type { Refusal } from './run-scripts.ts';

/** The run is over or was never there: the only refusal of a request of a run that is 400 (contract W3). */
export class RunOverError extends PosthornError {
  override name = 'RunOverError';

  constructor() {
    super('invalid_request', 'failed to publish to url: can not append to a a cancelled workflow');
  }
}

/** What a request of a run is refused with in place of another 4xx: an SDK takes 400 for the end of its run. */
export function refuseForRun(error: unknown): unknown {
  if (error instanceof RunOverError) return error;
  if (error instanceof DestinationError || error instanceof PublishOptionsError || error instanceof ForwardError) {
    return new PosthornError('limit_exceeded', error.message);
  }
  if (!(error instanceof PosthornError)) return error;
  const isRefusal = ['invalid_request', 'not_found', 'body_too_large', 'headers_too_large'].includes(error.code);
  return isRefusal ? new PosthornError('limit_exceeded', error.message) : error;
}

/** @param limits what is named in the text */
export function createRefusal(refusal: Refusal, limits: { maxLogBytes: number; maxSteps: number }): PosthornError {
  if (refusal === 'over') return new RunOverError();
  return new PosthornError(
    'limit_exceeded',
    refusal === 'steps'
      ? `The run has ${limits.maxSteps} steps; WORKFLOW_MAX_STEPS allows no more.`
      : `The log of the run would exceed ${limits.maxLogBytes} bytes, the limit of WORKFLOW_MAX_LOG_BYTES.`,
  );
}

/** The log of a run that has ended is removed with the run. */
export function createLogGone({ runId }: { runId: string }): PosthornError {
  return new PosthornError('not_found', `the step log of workflow run ${runId} is not there (any more)`);
}
