/** What a server of `@upstash/workflow` must do, by the numbers of its check list, and the end-to-end tests that show it. */
export interface Statement {
  text: string;
  /** `<file>: <title of a test>`, in `e2e/workflows-<file>.test.ts`. */
  tests: string[];
}

const firstDelivery = 'steps: the first delivery of a run with %s';
const growingLog = 'steps: run, sleep, run ends with its result after four deliveries, each one element longer';
const call = 'steps: a call, what it sends, and what comes back';
const failure = 'failure: two attempts, one dead letter, and the failure function with all that it needs';
const headers =
  'delivery: headers of the trigger arrive with steps, results of calls, events and deadlines, and with the failure';
const eventOf = 'events: %s of an event';
const lateEvent = 'events: without an event it ends at its deadline';
const rest =
  'control: a trigger without an SDK: one run, begun by its endpoint once more, with the settings of the call';
const fetchStyle = 'fetch: all kinds of steps, with signatures over the text of each body';

export const statements: Record<number, Statement> = {
  1: { text: 'The payload of a run is text, JSON or empty, and element 0 of its log.', tests: [firstDelivery] },
  2: {
    text: 'The first delivery names run, version, creation, message and attempt, and is signed.',
    tests: [firstDelivery],
  },
  3: { text: 'The body of a delivery is what JSON.stringify writes.', tests: [firstDelivery] },
  4: {
    text: 'Endpoints with signing accept steps, callbacks and failures with any text.',
    tests: [firstDelivery, call, failure, fetchStyle],
  },
  5: { text: 'A run with a step and a sleep ends with its result.', tests: [growingLog] },
  6: { text: 'Delivery k has k elements, and the last one is its own.', tests: [growingLog] },
  7: {
    text: 'All attempts at a message have the same body.',
    tests: ['steps: all attempts at a message have the same body'],
  },
  8: {
    text: 'The id of an active run begins nothing, and can be used again after its end.',
    tests: ['steps: the id of an active run starts nothing; after its end it can be used again'],
  },
  9: {
    text: 'Several runs of one call are answered in their order.',
    tests: ['steps: three runs of one call, a delay, and labels'],
  },
  10: {
    text: 'A delay of the trigger holds the first delivery back, and no other.',
    tests: ['steps: three runs of one call, a delay, and labels'],
  },
  11: { text: 'Headers of the trigger arrive with every delivery.', tests: [call, headers] },
  12: { text: 'Labels arrive as one header.', tests: ['steps: three runs of one call, a delay, and labels'] },
  13: {
    text: 'What the connection of a plain request said is not sent again.',
    tests: ['steps: a plain request starts a run; what the connection said is not sent again'],
  },
  14: {
    text: 'A publish or a schedule to a workflow is delivered as it is and begins a run.',
    tests: [
      'steps: a plain request starts a run; what the connection said is not sent again',
      'delivery: a schedule for the URL of a workflow begins a run with its payload',
    ],
  },
  15: {
    text: 'A URL that is no workflow fails the run after one attempt.',
    tests: ['steps: a URL that is no workflow fails the run after one attempt'],
  },
  16: {
    text: 'A sleep is not too short, and hardly longer.',
    tests: ['delivery: a sleep %s is not too short, and at most a little longer'],
  },
  17: { text: 'A call sends what it is given, and nothing of the run.', tests: [call] },
  18: {
    text: 'A call that fails is tried again, and the run goes on with its status.',
    tests: ['steps: a call that fails is tried again, and the run is active with its status'],
  },
  19: { text: 'The response of a call arrives unchanged.', tests: ['steps: a %s answer arrives unchanged'] },
  20: {
    text: 'The result of a call is delivered with the headers of its step, whole, without a version.',
    tests: [call],
  },
  21: { text: 'A call takes three elements of the log.', tests: [call] },
  22: { text: 'Header names of a response are canonical.', tests: [call] },
  23: {
    text: 'A call of another workflow begins a run of it.',
    tests: ['steps: a call of another workflow starts a run of it'],
  },
  24: { text: 'A wait without an event ends at its deadline.', tests: [lateEvent] },
  25: { text: 'The data of an event arrives as object, text or nothing.', tests: [eventOf] },
  26: {
    text: 'Notify answers one element per waiter, with its run.',
    tests: [
      eventOf,
      'events: an event resumes all runs that wait, and is lost if none does; a slash in its name means nothing',
    ],
  },
  27: { text: 'A waiter is gone after its event or its deadline.', tests: [eventOf, lateEvent] },
  28: {
    text: 'Data for one run is kept until it waits.',
    tests: [
      'events: data for a run that does not wait yet is kept for it',
      'events: an event without data is kept for a run that does not wait yet',
    ],
  },
  29: {
    text: 'An event that races its deadline gives one result.',
    tests: ['events: an event that races its deadline gives one result'],
  },
  30: {
    text: 'The URL of a webhook has the user of the token.',
    tests: ['events: calls before and after the wait resume it, in their order, with all that they carry'],
  },
  31: {
    text: 'Calls of a webhook arrive whole and in their order.',
    tests: [
      'events: calls before and after the wait resume it, in their order, with all that they carry',
      'events: a call while the step waits',
    ],
  },
  32: { text: 'A wait for a webhook ends at its deadline.', tests: ['events: no call before the deadline'] },
  33: {
    text: 'Branches of every kind run once, and the step after them once.',
    tests: ['events: six kinds of branches run once each, and the step after them once', fetchStyle],
  },
  34: {
    text: 'Two branches that end at the same moment never hang.',
    tests: ['parallel: two branches that end at the same moment never hang, ${runs * pairsPerRun} times'],
  },
  35: {
    text: 'An invocation returns what the invoked workflow returns.',
    tests: ['invoke: the invoked workflow returns %s'],
  },
  36: {
    text: 'An invocation knows of a failure and of a cancellation.',
    tests: ['invoke: an invoked workflow that fails, and one that is canceled'],
  },
  37: {
    text: 'Invocations run beside and inside each other, and are counted.',
    tests: ['invoke: invocations beside each other, and inside each other'],
  },
  38: {
    text: 'The failure of a run does not stop the run that it invoked.',
    tests: ['invoke: a run that fails does not stop the run that it started'],
  },
  39: {
    text: 'A failed step is tried again, and its failure is told once with all that belongs to it.',
    tests: [failure],
  },
  40: { text: 'An error that is final is not tried again.', tests: ['failure: an error that is final'] },
  41: {
    text: 'An error says when the next attempt comes.',
    tests: ['failure: an error that says when to try again, with %s'],
  },
  42: { text: 'The context counts the attempts.', tests: ['failure: an error that says when to try again, with %s'] },
  43: {
    text: 'Retries and their delay count for all steps; there are 3 by default.',
    tests: ['failure: the retries and the delay of the trigger count for later steps, and 3 by default'],
  },
  44: {
    text: 'A failure URL gets the body of a failure; a missing failure function is told once.',
    tests: [
      'failure: a failure URL gets the same body',
      'failure: without a failure function the run fails, and that is told once',
    ],
  },
  45: {
    text: 'A failure function is tried again and can be repeated, unless it succeeded.',
    tests: [
      'failure: a failure function that fails is tried again, given up, and can be repeated',
      'clients: the SDK and the command line call a failure function again, and delete dead letters',
    ],
  },
  46: {
    text: 'A canceled run has no dead letter, no failure, no waiter and no pending step.',
    tests: ['failure: a workflow cancels itself, and a client cancels one that sleeps and one that waits'],
  },
  47: {
    text: 'What is submitted to a run that is over is refused with 400.',
    tests: ['failure: what is submitted to a run that is over is refused with 400, and the endpoint answers 200'],
  },
  48: {
    text: 'A final refusal fails the run with its text.',
    tests: [
      'failure: a call with %s fails the run at once',
      'hostile: a batch item with %s, and nothing of the batch is accepted',
    ],
  },
  49: { text: 'The result of the first end is kept.', tests: ['failure: the result of the first end is kept'] },
  50: {
    text: 'A lost response of an endpoint repeats nothing.',
    tests: [
      'failure: an endpoint whose responses are lost does nothing twice',
      'invoke: an invocation whose answer is lost starts one run',
    ],
  },
  51: {
    text: 'Killed processes lose no step and repeat none without need.',
    tests: ['survival: every run ends with its result whatever is killed, and leaves nothing behind'],
  },
  52: {
    text: 'Endpoints fetch the log; callbacks and failures come in full.',
    tests: [
      'lazy: endpoints fetch the step log; callbacks and failure callbacks come in full',
      'lazy: a failure function gets its body',
    ],
  },
  53: {
    text: 'The log of a run that is over is not there.',
    tests: ['failure: the step log of a run that is over is not there'],
  },
  54: {
    text: 'Flow control holds for the deliveries of a run, and for calls by their own key.',
    tests: ['control: never two deliveries of a key at once; a call has a key of its own'],
  },
  55: {
    text: 'Runs are canceled by ids, URL, prefix, label and count.',
    tests: ['control: by ids, by URL, by the beginning of a URL, by label, and all'],
  },
  56: {
    text: 'The log shows runs in all states with their groups of steps.',
    tests: [
      growingLog,
      failure,
      'events: six kinds of branches run once each, and the step after them once',
      'control: an active run, its next delivery, and pages',
      'failure: a workflow cancels itself, and a client cancels one that sleeps and one that waits',
    ],
  },
  57: {
    text: 'There is one dead letter per failed run, with filters.',
    tests: [failure, 'control: filters, and removal by id, by filter and of all'],
  },
  58: {
    text: 'A restart is a new run with the same payload and headers.',
    tests: ['control: a restart is a new run with the same payload and headers, which tells its own failure'],
  },
  59: {
    text: 'A resumed run does not repeat what is done.',
    tests: ['control: a resumed run does not repeat what is done, and takes the options of the call'],
  },
  60: {
    text: 'Dead letters are deleted by id, by filter and all.',
    tests: ['control: filters, and removal by id, by filter and of all'],
  },
  61: {
    text: 'A run without an SDK begins in two phases; an old SDK fails it.',
    tests: [rest, 'control: an endpoint with an old SDK fails the run'],
  },
  62: {
    text: 'Older versions of the SDK run, sleep, call, wait, branch and fail.',
    tests: [
      'versions: run, sleep, run',
      'versions: a call that fails',
      'versions: six kinds of branches side by side',
      'versions: a failure function',
    ],
  },
};
