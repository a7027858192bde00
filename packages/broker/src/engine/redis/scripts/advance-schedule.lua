-- Ends a trigger: the schedule is due at its next time, and says what became of this one.
-- KEYS[1] hash: the schedule   KEYS[2] zset: ids of schedules by the time at which to look at them, ms
-- ARGV[1] id   ARGV[2] instant of its creation, ms   ARGV[3] the time that was due, ms   ARGV[4] the next time, ms
-- ARGV[5] 'published', 'skipped' or 'failed'   ARGV[6] why it failed, else ''
-- Returns 1; or, and nothing is changed: 0 somebody else has been there, -1 it was replaced or removed.
local fields = redis.call('HMGET', KEYS[1], 'createdAt', 'next')
if fields[1] ~= ARGV[2] then
  return -1
end
if fields[2] ~= ARGV[3] then
  return 0
end
redis.call('HSET', KEYS[1], 'next', ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
if ARGV[5] == 'failed' then
  redis.call('HSET', KEYS[1], 'error', ARGV[6])
elseif ARGV[5] == 'published' then
  redis.call('HDEL', KEYS[1], 'error')
  redis.call('HSET', KEYS[1], 'last', ARGV[3])
  -- Only the messages of the last trigger are told of.
  for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
    local trigger = string.match(name, '^(%d+):')
    if trigger and trigger ~= ARGV[3] then
      redis.call('HDEL', KEYS[1], name)
    end
  end
end
return 1
