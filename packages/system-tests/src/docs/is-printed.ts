/** What differs from one run to the next, as pages show it; longer forms come first. */
const variable = [
  String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?:Z|[+-]\d\d:\d\d)`,
  String.raw`(?:msg|scd|sig|posthorn)_[\w-]+`,
  String.raw`\d{10,}-\d+`,
  String.raw`\d+(?:ms|[smhd])(?: \d+[smhd])? ago`,
  String.raw`\d+ ms\b|\b\d+s\b`,
  String.raw` ?(?:\.\.\.|…)`,
];
const parts = new RegExp(variable.map((each) => `(${each})`).join('|'), 'g');

/**
 * Whether a command has printed what its page says. Blanks do not count, for tables are as wide as their ids; ids,
 * times and durations may differ; `...` stands for anything on one line.
 */
export function isPrinted(expected: readonly string[], output: string): boolean {
  const lines = output.split('\n').map(squeeze).filter(Boolean);
  if (lines.length !== expected.length) return false;
  return expected.every((line, index) => toPattern(squeeze(line)).test(lines[index] ?? ''));
}

function squeeze(line: string): string {
  return line.trim().replace(/\s+/g, ' ');
}

function toPattern(line: string): RegExp {
  let pattern = '';
  let end = 0;
  for (const match of line.matchAll(parts)) {
    const kind = match.slice(1).findIndex((each: string | undefined) => each !== undefined);
    const isAnything = kind === variable.length - 1;
    pattern += escape(line.slice(end, match.index)) + (isAnything ? '.*' : `(?:${variable[kind] ?? ''}|now)`);
    end = match.index + match[0].length;
  }
  return new RegExp(`^${pattern}${escape(line.slice(end))}$`);
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
