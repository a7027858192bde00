import { isRedisUnavailable } from './faults.ts';

test('an error is the trouble of Redis, or ours', () => {
  const away = [
    'Command timed out',
    'Command aborted due to connection close',
    'Connection is closed.',
    'MISCONF Errors writing to the AOF file',
    'ERR Error running script: @user_script:1: -OOM command not allowed',
    "Cluster isn't ready and enableOfflineQueue options is false",
    'Too many Cluster redirections. Last error: ReplyError: CLUSTERDOWN Hash slot not served',
    'Too many Cluster redirections. Last error: Error: Connection is closed.',
    'MOVED 3999 127.0.0.1:6381',
    'ASK 3999 127.0.0.1:6381',
    'All keys in the pipeline should belong to the same slots allocation group',
  ];
  const ours = [
    'ERR wrong number of arguments',
    'WRONGTYPE Operation against a key',
    'x is not a function',
    'MOVED is not defined',
  ];
  expect(away.filter((text) => !isRedisUnavailable(new Error(text)))).toEqual([]);
  expect(ours.filter((text) => isRedisUnavailable(new Error(text)))).toEqual([]);
});
