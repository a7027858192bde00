/**
 * Reads metrics in the text form of Prometheus.
 *
 * @returns gives the value of a metric, summed over its labels; `undefined` when it is not there
 */
export function parseMetrics(text: string): (name: string) => number | undefined {
  const sums = new Map<string, number>();
  for (const [, name = '', value = ''] of text.matchAll(/^([a-zA-Z_:][\w:]*)(?:\{.*\})? (\S+)/gm)) {
    sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return (name) => sums.get(name);
}
