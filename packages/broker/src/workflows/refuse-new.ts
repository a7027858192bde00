import type { Workflows } from './workflows.ts';

/**
 * The same workflows behind a question that every door which stores something asks first. Their ends, and what a
 * dispatcher does for them, are not asked: they make room.
 *
 * @param refuse throws when nothing new can be accepted
 */
export function refuseNew(workflows: Workflows, refuse: () => void): Workflows {
  const ask =
    <A extends unknown[], R>(accept: (...given: A) => Promise<R>) =>
    async (...given: A): Promise<R> => {
      refuse();
      return accept(...given);
    };
  const { trigger, wait, notify, takesWebhook, receiveWebhook, letters } = workflows;
  return {
    ...workflows,
    trigger: ask(trigger),
    wait: ask(wait),
    notify: ask(notify),
    takesWebhook: ask(takesWebhook),
    receiveWebhook: ask(receiveWebhook),
    letters: { ...letters, repeat: ask(letters.repeat), repeatCallback: ask(letters.repeatCallback) },
  };
}
