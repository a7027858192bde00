/**
 * Gives the focus, after the next render, to what has taken the place of an element that went away: the one that now has
 * its index, else the last of its kind, else the heading of the page.
 */
export function focusPlace(selector: string, index = 0): void {
  requestAnimationFrame(() => {
    const all = document.querySelectorAll<HTMLElement>(selector);
    (all[Math.min(index, all.length - 1)] ?? document.querySelector<HTMLElement>('main h1'))?.focus();
  });
}

/** Whether the reader has opened a page since the console was loaded. */
let hasOpened = false;
/** What had the focus when the page was opened, until the heading of the page has it. */
let origin: Element | null | undefined;

/** Lets the heading of the page that was opened have the focus, as soon as it is there. */
export function focusNextHeading(heading: HTMLElement | null | undefined): void {
  hasOpened = true;
  origin = document.activeElement;
  if (heading) focusHeading(heading);
}

/** Gives the focus to a new heading, if its page was just opened, or if the heading before it had the focus. */
export function focusHeading(heading: HTMLElement): void {
  const current = document.activeElement;
  if (!hasOpened || (current !== document.body && current !== origin)) return;
  origin = undefined;
  heading.focus({ preventScroll: true });
}
