import { complain, report } from './notice.ts';

/** Copies a text and says so. */
export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    report(`Copied ${what.replace(/\.$/, '')}.`);
  } catch {
    complain(new Error('The browser does not allow copying; use HTTPS or localhost.'));
  }
}
