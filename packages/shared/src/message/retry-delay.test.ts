import { parseRetryDelay, RetryDelayError, retryDelayMs } from './retry-delay.ts';

const dayMs = 86_400_000;
const limits = { maxDelayMs: dayMs, backoffFactor: 2.5 };
const firstFour = (expression?: string) =>
  [0, 1, 2, 3].map((retried) => retryDelayMs({ ...limits, expression, retried }));

describe('parseRetryDelay', () => {
  it.each([
    ['1', 1],
    ['0.25', 0.25],
    ['retried', 3],
    ['1 + 2 * 3', 7],
    ['(1 + 2) * 3', 9],
    ['10 - 4 - 3', 3],
    ['100 / 10 / 5', 2],
    ['17 % 5', 2],
    ['2 * 7 % 4', 2],
    ['1+2', 3],
    [' \t1  +\t2 ', 3],
    ['-5', -5],
    ['+5', 5],
    ['2 - -3', 5],
    ['2*-3', -6],
    ['-(1 + retried)', -4],
    ['pow(2, retried)', 8],
    ['pow(2,pow(2,2))', 16],
    ['sqrt(16)', 4],
    ['abs(0 - 5)', 5],
    ['exp(0)', 1],
    ['floor(1.7)', 1],
    ['ceil(1.2)', 2],
    ['round(1.5)', 2],
    ['min(3)', 3],
    ['min(3, 1, 2)', 1],
    ['max(1, 2, retried, 0)', 3],
    ['max ( 1 , ( 2 ) )', 2],
    ['min(30000, exp(1 - 1) * 5000) + retried', 5003],
    ['1/0', Infinity],
    ['0/0', NaN],
    ['sqrt(-1)', NaN],
  ])('%s with three retries made is %d', (expression, value) => {
    expect(parseRetryDelay(expression)(3)).toBe(value);
  });

  it.each([
    ['', 'it ends too early; use a number, '],
    ['   ', 'it ends too early'],
    ['foo', "found 'foo' at character 1; use 'retried' or one of pow, sqrt, abs, exp, floor, ceil, round, min, max"],
    ['retried +', 'it ends too early; use a number'],
    ['1000 +', 'it ends too early'],
    ['* 5', "found '*' at character 1"],
    ['pow(2)', 'pow takes 2 values, not 1'],
    ['pow(1,2,3)', 'pow takes 2 values, not 3'],
    ['sqrt(1,2)', 'sqrt takes 1 value, not 2'],
    ['min()', "found ')' at character 5; use a number"],
    ['min(1,)', "found ')' at character 7"],
    ['min(1', "it ends too early; use ',' or ')'"],
    ['min 1', "found '1' at character 5; use '(' after min"],
    ['pow', "it ends too early; use '(' after pow"],
    ['(1', "it ends too early; use ')'"],
    ['(1, 2)', "found ',' at character 3; use ')'"],
    ['1000)', "found ')' at character 5; use an operator or the end"],
    ['1 2', "found '2' at character 3; use an operator or the end"],
    ['1 retried', "found 'retried' at character 3"],
    ['2(3)', "found '(' at character 2"],
    ['1000;', "found ';' at character 5"],
    ['1000;2000', "found ';2000' at character 5"],
    ['  1 + $', "found '$' at character 7"],
    ['Math.pow(2,3)', "found '.pow(2,3)' at character 5"],
    ['retried ** 2', "found '*' at character 10"],
    ['1_000', "found '1_000' at character 1"],
    ['"5s"', 'found \'"5s"\' at character 1'],
    ['5s', "found '5s'"],
    ['1e308*10', "found '1e308*10'"],
    ['0x10', "found '0x10'"],
    ['1000n', "found '1000n'"],
    ['1.', "found '1.'"],
    ['.5', "found '.5'"],
    ['1.2.3', "found '1.2.3'"],
    ['--1', "found '-' at character 2"],
    ['+-1', "found '-' at character 2"],
    ['1000 /* */', "found '*' at character 7"],
    ['[1,2,3]', "found '[1,2,3]'"],
    ['retries*1000', "found 'retries'"],
    ['Retried', "found 'Retried'"],
    ['POW(2, 3)', "found 'POW'"],
    ['retried(1)', "found '(' at character 8"],
    ['this', "found 'this'"],
    ["require('fs')", "found ''fs')' at character 9"],
    ["constructor.constructor('return process')()", "found '.construct' at character 12"],
    ['1\n+ 2', 'at character 2'],
    ['1\u00a0+ 2', 'at character 2'],
  ])('%j is refused: %s', (expression, reason) => {
    const read = () => parseRetryDelay(expression);
    expect(read).toThrow(RetryDelayError);
    expect(read).toThrow(reason);
  });

  it.each(Object.getOwnPropertyNames(Object.prototype))(
    '%s, which every object has, is no word of the language',
    (name) => {
      for (const expression of [name, `1 ${name} 2`, `1 * 2 ${name} 2`, `${name}(1)`, `min(1 ${name} 2)`]) {
        expect(() => parseRetryDelay(expression)).toThrow(RetryDelayError);
      }
    },
  );

  it('allows 256 characters and no more', () => {
    expect(parseRetryDelay('1' + '+1'.repeat(127) + ' ')(0)).toBe(128);
    expect(() => parseRetryDelay('1' + '+1'.repeat(128))).toThrow('use at most 256 characters');
    expect(() => parseRetryDelay('+1'.repeat(500_000))).toThrow('use at most 256 characters');
  });

  it('allows 32 nested parentheses and no more', () => {
    expect(parseRetryDelay('('.repeat(32) + '7' + ')'.repeat(32))(0)).toBe(7);
    expect(parseRetryDelay('abs('.repeat(32) + '7' + ')'.repeat(32))(0)).toBe(7);
    expect(parseRetryDelay('(1)+'.repeat(60) + '1')(0)).toBe(61);
    expect(() => parseRetryDelay('('.repeat(33) + '7' + ')'.repeat(33))).toThrow('nest at most 32 parentheses');
    expect(() => parseRetryDelay('('.repeat(256))).toThrow('nest at most 32 parentheses');
  });

  it('refuses or evaluates any row of tokens, and never fails in another way', () => {
    const words = ['1', '0.5', 'retried', '+', '-', '*', '/', '%', '(', ')', ',', 'pow', 'min', 'sqrt', ' ', 'x', '$'];
    let random = 1;
    let accepted = 0;
    for (let round = 0; round < 20_000; round++) {
      let expression = '';
      for (let length = 0; length <= round % 7; length++) {
        random = (random * 48_271) % 2_147_483_647;
        expression += words[random % words.length] ?? '';
      }
      try {
        expect(typeof parseRetryDelay(expression)(2)).toBe('number');
        accepted++;
      } catch (error) {
        if (!(error instanceof RetryDelayError)) throw new Error(`'${expression}' failed`, { cause: error });
      }
    }
    // Otherwise the rows would be too wild to say anything about the language.
    expect(accepted).toBeGreaterThan(500);
  });

  it('computes what arithmetic computes, for any sum of products', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const [a, b, c, d] = [seed % 97, (seed * 7) % 89, ((seed * 13) % 83) + 1, (seed * 3) % 7];
      expect(parseRetryDelay(`${a} - ${b} * retried / ${c} + ${d}`)(seed)).toBe(a - (b * seed) / c + d);
      expect(parseRetryDelay(`(${a}-${b})*(retried+${c})%${d + 1}`)(seed)).toBe(((a - b) * (seed + c)) % (d + 1));
    }
  });
});

describe('retryDelayMs', () => {
  it.each([
    ['1000', [1000, 1000, 1000, 1000]],
    ['1000 * (1 + retried)', [1000, 2000, 3000, 4000]],
    ['pow(2, retried) * 1000', [1000, 2000, 4000, 8000]],
    ['max(1000, pow(2, retried) * 100)', [1000, 1000, 1000, 1000]],
    ['min(30000, exp(retried) * 5000)', [5000, 13_591, 30_000, 30_000]],
    ['2000 * retried', [0, 2000, 4000, 6000]],
  ])('%s waits %j ms before the first four retries', (expression, delays) => {
    expect(firstFour(expression)).toEqual(delays);
  });

  it('follows the default backoff without an expression', () => {
    expect(firstFour()).toEqual([12_182, 148_413, 1_808_042, 22_026_466]);
    expect(retryDelayMs({ ...limits, retried: 4 })).toBe(dayMs);
    expect(retryDelayMs({ ...limits, retried: 1_000_000 })).toBe(dayMs);
  });

  it('follows the backoff factor and the maximum that it is given', () => {
    expect(retryDelayMs({ retried: 0, maxDelayMs: dayMs, backoffFactor: 0 })).toBe(1000);
    expect(retryDelayMs({ retried: 1, maxDelayMs: dayMs, backoffFactor: 1 })).toBe(7389);
    expect(retryDelayMs({ retried: 3, maxDelayMs: 5000, backoffFactor: 2.5 })).toBe(5000);
  });

  it('rounds and limits the result of an expression', () => {
    expect(firstFour('1.4 + retried')).toEqual([1, 2, 3, 4]);
    expect(firstFour('99999999999')).toEqual([dayMs, dayMs, dayMs, dayMs]);
    expect(firstFour('-1000')).toEqual([0, 0, 0, 0]);
    expect(Object.is(retryDelayMs({ ...limits, expression: '-retried', retried: 0 }), 0)).toBe(true);
  });

  it.each(['1/0', '-1/0', '0/0', 'sqrt(-1)', 'pow(10, 999)'])(
    '%s is no time, so the default backoff applies',
    (expression) => {
      expect(firstFour(expression)).toEqual(firstFour());
    },
  );

  it('uses the default backoff for that one retry only for which the expression has no result', () => {
    expect(firstFour('1000 / (retried - 1)')).toEqual([0, 148_413, 1000, 500]);
  });
});
