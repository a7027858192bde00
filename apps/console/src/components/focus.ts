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
