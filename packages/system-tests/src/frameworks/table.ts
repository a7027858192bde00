/** One application on one route. */
export interface Row {
  title: string;
  versions: string;
  /** What became of it, as a person reads it. */
  result: string;
  /** `not run` if it could not be installed, such as without a registry. */
  outcome: 'passed' | 'failed' | 'not run';
}

export function writeTable(rows: readonly Row[]): string {
  const lines = rows.map(({ title, versions, result }) => `| ${title} | ${versions} | ${result} |`);
  return ['| application | versions | result |', '| --- | --- | --- |', ...lines].join('\n');
}

/**
 * The exit status: what was not run has not passed.
 *
 * @param mayNotRun whether applications that cannot be installed are accepted, as long as others passed
 */
export function decideStatus(rows: readonly Row[], mayNotRun: boolean): 0 | 1 {
  const has = (wanted: Row['outcome']) => rows.some(({ outcome }) => outcome === wanted);
  return has('passed') && !has('failed') && (mayNotRun || !has('not run')) ? 0 : 1;
}
