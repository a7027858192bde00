import { readConfig } from '../config.ts';
import { formatFields } from './fields.ts';
import { createPaint, type Paint } from './paint.ts';
import { formatTable, type Column } from './table.ts';
import { disarm, disarmJson } from './text.ts';

/** What a command says: a document for programs, or words for a person. */
export interface Output {
  isJson: boolean;
  /** Whether a person reads it as it comes. */
  isTerminal: boolean;
  paint: Paint;
  /** A list; `nothing` is the sentence for an empty one. */
  table<T extends object>(rows: readonly T[], columns: readonly Column<T>[], nothing: string): void;
  /** More lines of a table that grows. */
  rows<T extends object>(rows: readonly T[], columns: readonly Column<T>[]): void;
  /** One object. */
  fields(object: object): void;
  /** What was done: a sentence, and what the server said, if anything. */
  done(sentence: string, reply?: object): void;
  /** Words beside the answer, on standard error. */
  note(text: string): void;
}

export function createOutput({ isJson }: { isJson: boolean }): Output {
  const isTerminal = process.stdout.isTTY;
  const paint = createPaint(isTerminal && !readConfig().isColorless);
  const width = isTerminal ? process.stdout.columns : undefined;
  const write = (line: string) => void process.stdout.write(`${line}\n`);
  const note = (text: string) => void process.stderr.write(`posthorn: ${disarm(text)}\n`);
  return {
    isJson,
    isTerminal,
    paint,
    note,
    table(rows, columns, nothing) {
      if (isJson) write(formatJson(rows, 2));
      else if (rows.length === 0) note(nothing);
      else formatTable(rows, columns, { width, paint }).forEach(write);
    },
    rows(rows, columns) {
      if (isJson) rows.forEach((row) => write(formatJson(row)));
      else formatTable(rows, columns, { width, paint, isHeaded: false }).forEach(write);
    },
    fields(object) {
      if (isJson) write(formatJson(object, 2));
      else formatFields(object, paint).forEach(write);
    },
    done(sentence, reply = {}) {
      write(isJson ? formatJson(reply, 2) : disarm(sentence));
    },
  };
}

/** As the wire has it: without the names that the SDK adds. */
function formatJson(value: unknown, indent?: number): string {
  const added = new Set(['urlGroup', 'ratePerSecond']);
  return disarmJson(JSON.stringify(value, (name, each: unknown) => (added.has(name) ? undefined : each), indent));
}
