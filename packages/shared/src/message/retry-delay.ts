/** A retry delay that cannot be parsed. The message says what is wrong, and where or what is allowed. */
export class RetryDelayError extends Error {
  override name = 'RetryDelayError';
}

/** Milliseconds before the next attempt, from the number of retries made so far. The result may be any number, also NaN. */
export type RetryDelay = (retried: number) => number;

/**
 * Parses an expression of the retry delay language (contract H11): numbers, `retried`, `+ - * / %`,
 * parentheses and a few functions. Never `eval`.
 *
 * @throws {RetryDelayError}
 */
export function parseRetryDelay(expression: string): RetryDelay {
  if (expression.length > maxLength) throw new RetryDelayError(`use at most ${maxLength} characters`);
  const reader: Reader = { tokens: readTokens(expression), position: 0, depth: 0 };
  const delay = readSum(reader);
  if (reader.position < reader.tokens.length) throw unexpected(reader, 'an operator or the end');
  return delay;
}

/**
 * Milliseconds until the next attempt: the expression's result, rounded and limited, or the default backoff when there
 * is no expression or its result is no finite number (contract H14, D16).
 *
 * @param options.retried retries already made: 0 when the first retry is planned
 * @throws {RetryDelayError} for an expression that was never checked
 */
export function retryDelayMs(options: {
  expression?: string | undefined;
  retried: number;
  maxDelayMs: number;
  backoffFactor: number;
}): number {
  const { expression, retried, maxDelayMs, backoffFactor } = options;
  const wantedMs = expression === undefined ? NaN : parseRetryDelay(expression)(retried);
  const delayMs = Number.isFinite(wantedMs) ? wantedMs : Math.exp(backoffFactor * (retried + 1)) * 1000;
  return Math.round(Math.min(Math.max(delayMs, 0), maxDelayMs));
}

const maxLength = 256;
const maxDepth = 32;

interface Token {
  text: string;
  /** Where it begins in the expression; the first character is 1. */
  at: number;
}

interface Reader {
  tokens: Token[];
  position: number;
  /** How many parentheses are open. */
  depth: number;
}

interface Operation {
  run: (...values: number[]) => number;
  min: number;
  max: number;
}

// Maps, because a plain object also has `constructor`, `__proto__` and others.
const sums = new Map<string, (a: number, b: number) => number>([
  ['+', (a, b) => a + b],
  ['-', (a, b) => a - b],
]);
const products = new Map<string, (a: number, b: number) => number>([
  ['*', (a, b) => a * b],
  ['/', (a, b) => a / b],
  ['%', (a, b) => a % b],
]);
const functions = new Map<string, Operation>([
  ['pow', { run: Math.pow, min: 2, max: 2 }],
  ['sqrt', { run: Math.sqrt, min: 1, max: 1 }],
  ['abs', { run: Math.abs, min: 1, max: 1 }],
  ['exp', { run: Math.exp, min: 1, max: 1 }],
  ['floor', { run: Math.floor, min: 1, max: 1 }],
  ['ceil', { run: Math.ceil, min: 1, max: 1 }],
  ['round', { run: Math.round, min: 1, max: 1 }],
  ['min', { run: Math.min, min: 1, max: Infinity }],
  ['max', { run: Math.max, min: 1, max: Infinity }],
]);

function readSum(reader: Reader): RetryDelay {
  return readChain(reader, sums, readProduct);
}

function readProduct(reader: Reader): RetryDelay {
  return readChain(reader, products, readFactor);
}

/** Operands with operators of one precedence between them, joined from the left. */
function readChain(reader: Reader, operators: typeof sums, readOperand: (reader: Reader) => RetryDelay): RetryDelay {
  let left = readOperand(reader);
  for (let run = operators.get(next(reader)); run; run = operators.get(next(reader))) {
    reader.position++;
    left = apply(run, [left, readOperand(reader)]);
  }
  return left;
}

function readFactor(reader: Reader): RetryDelay {
  if (skip(reader, '-')) return apply((value) => -value, [readPrimary(reader)]);
  skip(reader, '+');
  return readPrimary(reader);
}

function readPrimary(reader: Reader): RetryDelay {
  const text = next(reader);
  if (skip(reader, 'retried')) return (retried) => retried;
  if (skip(reader, '(')) return readEnclosed(reader, 1, 1)[0];
  if (!/^\w/.test(text)) throw unexpected(reader, "a number, 'retried', a function or '('");
  if (/^\d/.test(text)) {
    reader.position++;
    return () => Number(text);
  }
  const operation = functions.get(text);
  if (!operation) throw unexpected(reader, `'retried' or one of ${[...functions.keys()].join(', ')}`);
  reader.position++;
  if (!skip(reader, '(')) throw unexpected(reader, `'(' after ${text}`);
  return apply(operation.run, readEnclosed(reader, operation.min, operation.max, text));
}

/** Reads expressions separated by commas, and the closing parenthesis. */
function readEnclosed(reader: Reader, min: number, max: number, name?: string): [RetryDelay, ...RetryDelay[]] {
  if (++reader.depth > maxDepth) throw new RetryDelayError(`nest at most ${maxDepth} parentheses`);
  const values: [RetryDelay, ...RetryDelay[]] = [readSum(reader)];
  while (name !== undefined && skip(reader, ',')) values.push(readSum(reader));
  if (!skip(reader, ')')) throw unexpected(reader, name === undefined ? "')'" : "',' or ')'");
  reader.depth--;
  if (values.length < min || values.length > max) {
    throw new RetryDelayError(`${name ?? ''} takes ${min === 1 ? '1 value' : `${min} values`}, not ${values.length}`);
  }
  return values;
}

function apply(run: (...values: number[]) => number, operands: RetryDelay[]): RetryDelay {
  return (retried) => run(...operands.map((operand) => operand(retried)));
}

/** The text of the next token; empty at the end. */
function next({ tokens, position }: Reader): string {
  return tokens[position]?.text ?? '';
}

function skip(reader: Reader, text: string): boolean {
  const isNext = next(reader) === text;
  if (isNext) reader.position++;
  return isNext;
}

function unexpected({ tokens, position }: Reader, allowed: string): RetryDelayError {
  const token = tokens[position];
  return new RetryDelayError(
    token ? `found '${token.text}' at character ${token.at}; use ${allowed}` : `it ends too early; use ${allowed}`,
  );
}

function readTokens(expression: string): Token[] {
  const tokens: Token[] = [];
  // No letter, digit or dot may follow a number: 5s, 1e3, 0x10, 1_000 and 1.2.3 are not numbers of this language.
  const pattern = /[ \t]*(?:(\d+(?:\.\d+)?(?![\w.])|[A-Za-z_]\w*|[-+*/%(),])|$)/y;
  while (pattern.lastIndex < expression.length) {
    const start = pattern.lastIndex;
    const match = pattern.exec(expression);
    if (!match) {
      const rest = expression.slice(start).replace(/^[ \t]+/, '');
      const at = expression.length - rest.length + 1;
      throw new RetryDelayError(
        `found '${rest.slice(0, 10)}' at character ${at}; use numbers such as 1000 or 0.5, names, + - * / % ( ) and commas`,
      );
    }
    const text = match[1];
    if (text !== undefined) tokens.push({ text, at: pattern.lastIndex - text.length + 1 });
  }
  return tokens;
}
