import type { Locator, Page } from 'playwright-core';
import type { Filled } from './filled-stage.ts';
import { button, checkbox, field } from './locators.ts';

/** A question that the console asks before it deletes, cancels, retries or replaces something. */
export interface Question {
  /** The page that asks, below `/console/`. */
  path: (filled: Filled) => string;
  /** The button that asks. */
  press: string | RegExp;
  /** The button that does it. */
  verb: string;
  /** What is affected. */
  affected: string | RegExp;
  /** The failed message must be selected before. */
  isSelected?: boolean;
  /** What must be typed before. */
  typed?: string;
}

/** All of them. */
export const questions: Question[] = [
  {
    path: ({ retryingId }) => `messages/${retryingId}`,
    press: 'Cancel message',
    verb: 'Cancel message',
    affected: '1 message',
  },
  { path: ({ failedId }) => `messages/${failedId}`, press: 'Retry', verb: 'Retry', affected: '1 message' },
  { path: ({ deadLetterId }) => `dead-letters/${deadLetterId}`, press: 'Retry', verb: 'Retry', affected: '1 message' },
  {
    path: ({ deadLetterId }) => `dead-letters/${deadLetterId}`,
    press: 'Delete',
    verb: 'Delete',
    affected: '1 message',
  },
  { path: () => 'dead-letters', press: 'Retry selected', verb: 'Retry', affected: '1 message', isSelected: true },
  { path: () => 'dead-letters', press: 'Delete selected', verb: 'Delete', affected: '1 message', isSelected: true },
  { path: () => 'dead-letters', press: 'Retry all matching', verb: 'Retry', affected: '1 message' },
  { path: () => 'dead-letters', press: 'Delete all matching', verb: 'Delete', affected: '1 message', typed: '1' },
  {
    path: () => 'queues/orders',
    press: 'Delete queue',
    verb: 'Delete',
    affected: /^\d+ messages? will be canceled/,
    typed: 'orders',
  },
  { path: () => 'groups/group', press: /^Remove http/, verb: 'Delete', affected: '1 endpoint' },
  { path: () => 'schedules/daily', press: 'Delete schedule', verb: 'Delete', affected: '1 schedule' },
  { path: () => 'settings', press: 'Rotate keys', verb: 'Rotate', affected: '1 key' },
];

/** Makes the page of a question ask it. */
export async function ask(page: Page, { press, affected, isSelected }: Question, filled: Filled): Promise<Locator> {
  if (isSelected) await checkbox(page, `Select ${filled.failedId}`).check();
  // A button without anything to act on is off.
  await page.locator('button:not([aria-disabled=true])').and(button(page, press)).click();
  const dialog = page.getByRole('alertdialog');
  await dialog.getByText(affected).waitFor();
  return dialog;
}

/** The field of a question in which something must be typed. */
export const confirmationField = (page: Page, typed: string) => field(page, `Type ${typed} to confirm`);
