import type {
  WorkflowLetter,
  WorkflowLettersRequest,
  WorkflowRun,
  WorkflowState,
  WorkflowStepGroup,
} from '@posthorn/sdk';
import { Option, type Command } from 'commander';
import type { Act } from '../act.ts';
import { collectHeaderText, parseHeaderText, parseLimit } from '../arguments.ts';
import { addBody, readBody, type BodyOptions } from '../body.ts';
import { Failure } from '../failure.ts';
import { addMany, checkMany, chunk, type ManyOptions } from '../many.ts';
import { addRunOptions, toMessageOptions, type RunOptionValues } from '../message-options.ts';
import type { Column } from '../output/table.ts';
import { formatCount } from '../output/text.ts';
import { formatDistance } from '../output/time.ts';

const states = ['RUN_STARTED', 'RUN_SUCCESS', 'RUN_FAILED', 'RUN_CANCELED'] as const satisfies WorkflowState[];
/** Maximum number of runs or dead letters in one call. */
const pageSize = 100;

interface Filters {
  url?: string;
  label?: string[];
}

export function addWorkflow(command: Command, act: Act): void {
  addFilters(command.command('list').description('list runs, newest first'))
    .addOption(new Option('--state <state>', 'only runs in this state').choices(states))
    .option('--limit <number>', 'maximum number; 0 for all', parseLimit, 20)
    .action(
      act(async ({ client, output }, options: Filters & { state?: WorkflowState; limit: number }) => {
        const { state, limit } = options;
        const runs: WorkflowRun[] = [];
        const request = { ...readFilters(options), ...(state ? { state } : {}), count: Math.min(limit, 10) };
        for await (const run of client.workflow.iterate(request)) {
          if (runs.length >= limit) break;
          runs.push(run);
        }
        output.table(runs, columns, 'no runs');
      }),
    );

  command
    .command('show <id>')
    .description('show a run and its steps')
    .action(
      act(async ({ client, output }, id: string) => {
        const run = await client.workflow.get(id);
        if (!run) throw new Failure(`There is no run ${id}.`, 3);
        if (output.isJson) output.fields(run);
        else {
          const { steps, ...fields } = run;
          output.fields(fields);
          output.table(steps.flatMap(listSteps), stepColumns, 'no steps');
        }
      }),
    );

  addRunOptions(addBody(command.command('trigger <url>').description('begin a run of the workflow at this URL')))
    .option('--id <id>', 'the id of the run; while one with it is active, no other starts', parseHeaderText)
    .action(
      act(async ({ client, output }, url: string, options: RunOptionValues & BodyOptions & { id?: string }) => {
        const { body, bodyFile, id, ...messageOptions } = options;
        const content = await readBody({ body, bodyFile }, output.note);
        const reply = await client.workflow.trigger({
          ...toMessageOptions(messageOptions),
          url,
          ...(content === undefined ? {} : { body: content }),
          ...(id === undefined ? {} : { workflowRunId: id }),
        });
        output.done(reply.workflowRunId, reply);
        if (reply.deduplicated) output.note('a run with this id is active: nothing new was begun');
      }),
    );

  addMany(addFilters(command.command('cancel [ids...]').description('cancel runs, by ids, by filters, or all'))).action(
    act(async ({ client, output }, ids: string[], options: Filters & ManyOptions) => {
      const filter = readFilters(options);
      await checkMany(ids, filter, options, 'Cancel all active runs?');
      let cancelled = 0;
      for (const some of chunk(ids, pageSize)) cancelled += (await client.workflow.cancel(some)).cancelled;
      // There is no cursor: what is canceled no longer matches.
      while (ids.length === 0 && cancelled < options.limit) {
        const count = Math.min(pageSize, options.limit - cancelled);
        const reply = await client.workflow.cancel(
          // Without it, the server takes the URL for the beginning of one.
          filter ? { filter: { ...filter, workflowUrlExactMatch: true }, count } : { all: true, count },
        );
        cancelled += reply.cancelled;
        if (reply.cancelled < count) break;
      }
      output.done(`Canceled ${formatCount(cancelled, 'run')}.`, { cancelled });
      const missing = ids.length === 0 ? 0 : new Set(ids).size - cancelled;
      if (missing > 0) throw new Failure(`${missing} of them do not exist or have ended.`, 3);
    }),
  );

  addBody(command.command('notify <event>').description('resume the steps that wait for an event'))
    .option('--run <id>', 'only this run, which keeps the data if none of its steps waits yet', parseHeaderText)
    .action(
      act(async ({ client, output }, eventId: string, { run, ...body }: BodyOptions & { run?: string }) => {
        const data = await readBody(body, output.note);
        const notified = await client.workflow.notify({
          eventId,
          ...(data === undefined ? {} : { eventData: data }),
          ...(run === undefined ? {} : { workflowRunId: run }),
        });
        output.done(`Resumed ${formatCount(notified.length, 'step')}.`, notified);
      }),
    );

  for (const [verb, summary] of [
    ['resume', 'resume a failed run as a new run, from the step that failed'],
    ['restart', 'begin a failed run again, as a new run'],
  ] as const) {
    command
      .command(`${verb} <dlqId>`)
      .description(summary)
      .action(
        act(async ({ client, output }, dlqId: string) => {
          const reply = await client.workflow[verb](dlqId);
          output.done(reply.workflowRunId, reply);
        }),
      );
  }
  addDeadLetters(command, act);
}

/** Commands for the dead letters of failed runs. */
function addDeadLetters(command: Command, act: Act): void {
  addFilters(command.command('failed').description('list dead letters of failed runs, the oldest first'))
    .option('--limit <number>', 'maximum number; 0 for all', parseLimit, pageSize)
    .action(
      act(async ({ client, output }, options: Filters & { limit: number }) => {
        const letters: WorkflowLetter[] = [];
        let cursor: string | undefined;
        do {
          const count = Math.min(pageSize, options.limit - letters.length);
          const page = await client.workflow.listDlq({ ...readFilters(options), count, ...(cursor ? { cursor } : {}) });
          letters.push(...page.messages);
          cursor = page.cursor;
        } while (cursor && letters.length < options.limit);
        output.table(letters, letterColumns, 'no such runs have failed');
      }),
    );

  const remove = command.command('delete [dlqIds...]').description('remove dead letters, by ids, by filters, or all');
  addMany(addFilters(remove)).action(
    act(async ({ client, output }, dlqIds: string[], options: Filters & ManyOptions) => {
      const filter = readFilters(options);
      await checkMany(dlqIds, filter, options, 'Remove the dead letters of all failed runs for good?');
      let deleted = 0;
      const call = async (request: WorkflowLettersRequest) => {
        const reply = await client.workflow.deleteDlq(request);
        deleted += reply.deleted;
        return reply.cursor;
      };
      for (const some of chunk(dlqIds, pageSize)) await call(some);
      let cursor: string | undefined;
      while (dlqIds.length === 0 && deleted < options.limit) {
        const page = { count: Math.min(pageSize, options.limit - deleted), ...(cursor ? { cursor } : {}) };
        cursor = await call(filter ? { filter, ...page } : { all: true, ...page });
        if (!cursor) break;
      }
      output.done(`Removed ${formatCount(deleted, 'dead letter')}.`, { deleted });
      const missing = dlqIds.length === 0 ? 0 : new Set(dlqIds).size - deleted;
      if (missing > 0) throw new Failure(`${missing} of them do not exist.`, 3);
    }),
  );

  command
    .command('retry-failure <dlqId>')
    .description('call the failure function of a failed run again, after it has failed itself')
    .action(
      act(async ({ client, output }, dlqId: string) => {
        const reply = await client.workflow.retryFailureFunction(dlqId);
        output.done(reply.workflowRunId, reply);
      }),
    );
}

function addFilters(command: Command): Command {
  return command
    .option('--url <url>', 'only runs of the workflow at this URL', parseHeaderText)
    .option('--label <label>', 'only runs with this label; may be repeated', collectHeaderText);
}

/** Gives `undefined` if there is no filter. */
function readFilters({ url, label }: Filters): { workflowUrl?: string; label?: string[] } | undefined {
  if (url === undefined && label === undefined) return undefined;
  return { ...(url === undefined ? {} : { workflowUrl: url }), ...(label === undefined ? {} : { label }) };
}

const columns: Column<WorkflowRun>[] = [
  { title: 'RUN', cell: ({ workflowRunId }) => workflowRunId },
  { title: 'STATE', cell: ({ workflowState }) => workflowState.replace('RUN_', '') },
  { title: 'BEGAN', cell: ({ workflowRunCreatedAt }) => formatDistance(workflowRunCreatedAt) },
  { title: 'STEPS', cell: ({ steps }) => String(steps.filter(({ type }) => type !== 'next').length) },
  { title: 'URL', cell: ({ workflowUrl }) => workflowUrl, isBelow: true },
];

const letterColumns: Column<WorkflowLetter>[] = [
  { title: 'ID', cell: ({ dlqId }) => dlqId },
  { title: 'RUN', cell: ({ workflowRunId }) => workflowRunId },
  { title: 'FAILED', cell: ({ createdAt }) => formatDistance(createdAt) },
  { title: 'RESPONSE', cell: ({ responseStatus }) => responseStatus, style: () => 'red' },
  { title: 'REASON', cell: ({ error }) => error, isBelow: true },
  { title: 'URL', cell: ({ workflowUrl }) => workflowUrl, isBelow: true },
];

interface ListedStep {
  name: string;
  type: string;
  state: string;
  text: string;
}

function listSteps({ type, steps }: WorkflowStepGroup): ListedStep[] {
  return steps.map(({ stepName = '', stepType = '', state, out, errors }) => ({
    name: type === 'next' ? '(next)' : `${type === 'parallel' ? '| ' : ''}${stepName}`,
    type: stepType,
    state: state.replace('STEP_', ''),
    text: errors?.at(-1)?.error ?? out ?? '',
  }));
}

const stepColumns: Column<ListedStep>[] = [
  { title: 'STEP', cell: ({ name }) => name },
  { title: 'TYPE', cell: ({ type }) => type },
  { title: 'STATE', cell: ({ state }) => state },
  { title: 'RESULT', cell: ({ text }) => text.slice(0, 200), isBelow: true },
];
