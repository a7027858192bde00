import { ConfigurationError } from './env.ts';

/** Most processes of one kind that one parent runs. */
export const maxProcesses = 64;

/**
 * The number of this process, from 1, if it is one of several of its kind that a parent starts and stops; otherwise
 * `undefined`. It is the argument of the program, so that it is visible in a list of processes.
 */
export function readProcessNumber(args: readonly string[] = process.argv.slice(2)): number | undefined {
  const number = /^[1-9]\d?$/.test(args[0] ?? '') ? Number(args[0]) : undefined;
  return number !== undefined && number <= maxProcesses ? number : undefined;
}

/**
 * The ports of several processes of one kind, in the order of their numbers: the configured one and those after it. None
 * if no port is configured (0).
 *
 * @param variable sets the first port
 * @throws {ConfigurationError} if the last port would be above 65535
 */
export function listPorts(variable: string, first: number, count: number): number[] {
  if (first === 0) return [];
  const highest = 65_536 - count;
  if (first > highest) {
    throw new ConfigurationError(
      `${variable}: use at most ${highest}: each of the ${count} processes has a port of its own, from ${variable} on.`,
    );
  }
  return Array.from({ length: count }, (_, index) => first + index);
}
