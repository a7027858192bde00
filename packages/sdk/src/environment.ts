/** A variable of the process; `undefined` where there is no process, as in a browser, and where the text is empty. */
export function readVariable(name: string): string | undefined {
  return typeof process === 'undefined' ? undefined : process.env[name] || undefined;
}
