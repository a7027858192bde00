import { isRedisUnavailable } from './faults.ts';

test('an error is the trouble of Redis, or ours', () => {
  const away = [
    'Command timed out',
    'Command aborted due to connection close',
    'Connection is closed.',
    'MISCONF Errors writing to the AOF file',
    'ERR Error running script: @user_script:1: -OOM command not allowed',
  ];
  const ours = ['ERR wrong number of arguments', 'WRONGTYPE Operation against a key', 'x is not a function'];
  expect(away.filter((text) => !isRedisUnavailable(new Error(text)))).toEqual([]);
  expect(ours.filter((text) => isRedisUnavailable(new Error(text)))).toEqual([]);
});
