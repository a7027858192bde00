/** A retry delay that is not of the language. The message says what is wrong and what is allowed. */
export class RetryDelayError extends Error {
  override name = 'RetryDelayError';
}

/** Milliseconds before the next attempt, from the number of retries made so far. */
export type RetryDelay = (retried: number) => number;

const maxLength = 256;
const maxDepth = 32;

interface MathFunction {
  run: (...values: number[]) => number;
  /** Least and greatest number of arguments. */
  arity: [number, number];
}

const functions = new Map<string, MathFunction>([
  ['pow', { run: Math.pow, arity: [2, 2] }],
  ['sqrt', { run: Math.sqrt, arity: [1, 1] }],
  ['abs', { run: Math.abs, arity: [1, 1] }],
  ['exp', { run: Math.exp, arity: [1, 1] }],
  ['floor', { run: Math.floor, arity: [1, 1] }],
  ['ceil', { run: Math.ceil, arity: [1, 1] }],
  ['round', { run: Math.round, arity: [1, 1] }],
  ['min', { run: Math.min, arity: [1, Infinity] }],
  ['max', { run: Math.max, arity: [1, Infinity] }],
]);

/**
 * Reads an expression of the retry delay language (contract, delivery.md section 4): numbers, `retried`,
 * `+ - * / %`, parentheses and a few functions. Never `eval`.
 *
 * @throws {RetryDelayError}
 */
export function readRetryDelay(expression: string): RetryDelay {
  if (expression.length > maxLength) throw new RetryDelayError(`use at most ${maxLength} characters`);
  const tokens = readTokens(expression);
  let position = 0;
  let depth = 0;

  const next = () => tokens[position];
  const take = (token: string) => {
    if (next() !== token) throw new RetryDelayError(`expected '${token}' ${where()}`);
    position++;
  };
  const where = () => (position < tokens.length ? `before '${tokens[position] ?? ''}'` : 'at the end');

  const readOperators = (operators: Record<string, (a: number, b: number) => number>, readOperand: () => RetryDelay) => {
    let left = readOperand();
    for (let run = operators[next() ?? '']; run; run = operators[next() ?? '']) {
      position++;
      const apply = run;
      const first = left;
      const second = readOperand();
      left = (retried) => apply(first(retried), second(retried));
    }
    return left;
  };
  const readSum = (): RetryDelay => {
    if (++depth > maxDepth) throw new RetryDelayError(`nest at most ${maxDepth} levels`);
    const sum = readOperators(sums, readProduct);
    depth--;
    return sum;
  };
  const readProduct = () => readOperators(products, readFactor);
  const readFactor = (): RetryDelay => {
    const sign = next();
    if (sign !== '+' && sign !== '-') return readPrimary();
    position++;
    const operand = readPrimary();
    return sign === '-' ? (retried) => -operand(retried) : operand;
  };
  const readPrimary = (): RetryDelay => {
    const token = next();
    if (token === undefined) throw new RetryDelayError('a number, retried, a function or a parenthesis is missing at the end');
    position++;
    if (/^\d/.test(token)) {
      const value = Number(token);
      return () => value;
    }
    if (token === 'retried') return (retried) => retried;
    if (token === '(') {
      const inner = readSum();
      take(')');
      return inner;
    }
    const called = functions.get(token);
    if (!called) throw new RetryDelayError(`'${token}' is unknown; use numbers, retried and ${[...functions.keys()].join(', ')}`);
    return readCall(token, called);
  };
  const readCall = (name: string, { run, arity: [least, most] }: MathFunction): RetryDelay => {
    take('(');
    const operands = [readSum()];
    while (next() === ',') {
      position++;
      operands.push(readSum());
    }
    take(')');
    if (operands.length < least || operands.length > most) {
      throw new RetryDelayError(`${name} takes ${least === most ? least : `${least} or more`} value${most === 1 ? '' : 's'}`);
    }
    return (retried) => run(...operands.map((operand) => operand(retried)));
  };

  const compiled = readSum();
  if (position < tokens.length) throw new RetryDelayError(`'${tokens[position] ?? ''}' is not expected here`);
  return compiled;
}

/**
 * Milliseconds until the next attempt: the expression's result, rounded and limited, or the default backoff when there
 * is no expression or its result is no number (contract, delivery.md sections 4 and 7.1).
 */
export function retryDelayMs(options: {
  expression: string | undefined;
  retried: number;
  maxDelayMs: number;
  backoffFactor: number;
}): number {
  const { expression, retried, maxDelayMs, backoffFactor } = options;
  const wanted = expression === undefined ? NaN : readRetryDelay(expression)(retried);
  const delayMs = Number.isFinite(wanted) ? wanted : Math.exp(backoffFactor * (retried + 1)) * 1000;
  return Math.round(Math.min(Math.max(delayMs, 0), maxDelayMs));
}

const sums = { '+': (a: number, b: number) => a + b, '-': (a: number, b: number) => a - b };
const products = {
  '*': (a: number, b: number) => a * b,
  '/': (a: number, b: number) => a / b,
  '%': (a: number, b: number) => a % b,
};

function readTokens(text: string): string[] {
  const tokens: string[] = [];
  const pattern = /\s*(?:(\d+(?:\.\d+)?(?![\w.]))|([A-Za-z_]\w*)|([-+*/%(),]))\s*/y;
  while (pattern.lastIndex < text.length) {
    const start = pattern.lastIndex;
    const match = pattern.exec(text);
    if (!match) throw new RetryDelayError(`'${text.slice(start, start + 10).trim()}' is not expected at position ${start + 1}`);
    tokens.push(match[1] ?? match[2] ?? match[3] ?? '');
  }
  return tokens;
}
