import { stripVTControlCharacters } from 'node:util';

const levels: Record<number, string> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: '\x1b[32mINFO \x1b[0m',
  40: '\x1b[33mWARN \x1b[0m',
  50: '\x1b[31mERROR\x1b[0m',
  60: '\x1b[31mFATAL\x1b[0m',
};

/**
 * One line of the log for a person at a terminal: time, level, process, event, then the reason and the other fields. A
 * stack follows on lines of its own. What came from outside cannot control the terminal.
 */
export function formatForTerminal(line: string): string {
  const { level, time, process, msg, reason, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const { stack, ...error } = (err ?? {}) as Record<string, unknown>;
  const rest = Object.entries({ ...fields, ...error }).map(([name, value]) => `${name}=${formatValue(value)}`);
  const at = new Date(String(time)).toLocaleTimeString('en-GB');
  const text = [process, msg, ...(reason === undefined ? [] : [formatValue(reason)]), ...rest].join('  ');
  const lines = typeof stack === 'string' ? `${text}\n${stack.replace(/^/gm, '    ')}` : text;
  return `${at} ${levels[Number(level)] ?? String(level)} ${stripControls(lines)}\n`;
}

function formatValue(value: unknown): string {
  return typeof value === 'string' ? value.replaceAll('\n', ' ') : JSON.stringify(value);
}

function stripControls(text: string): string {
  return stripVTControlCharacters(text).replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, ' ');
}
