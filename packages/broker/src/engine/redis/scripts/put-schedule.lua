-- Puts a schedule in place of the one with its id, of which nothing stays; or removes it.
-- KEYS[1] hash: the schedule   KEYS[2] zset: ids of schedules by the time at which to look at them, ms
-- ARGV[1] id   ARGV[2] JSON of the definition, '' to remove the schedule   ARGV[3] instant of its creation, ms
-- ARGV[4] its first time, ms   ARGV[5] greatest number of schedules; one may always be replaced
-- Returns names and values of what was there, in turn; -1 if the limit is reached.
local isNew = not redis.call('ZSCORE', KEYS[2], ARGV[1])
if isNew and ARGV[2] ~= '' and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[5]) then
  return -1
end
local before = redis.call('HGETALL', KEYS[1])
redis.call('DEL', KEYS[1])
if ARGV[2] == '' then
  redis.call('ZREM', KEYS[2], ARGV[1])
else
  redis.call('HSET', KEYS[1], 'definition', ARGV[2], 'createdAt', ARGV[3], 'next', ARGV[4])
  redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
end
return before
