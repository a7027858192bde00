-- Ends a trigger: the schedule is due at its next time, and says what became of this one.
-- KEYS[1] hash: the schedule   KEYS[2] zset: ids of schedules by the time at which to look at them, ms
-- ARGV[1...6] names of the fields of a schedule: definition, instant of creation, next time, until when it is paused,
-- last time that published, error
-- ARGV[7] id   ARGV[8] instant of its creation, ms   ARGV[9] the time that was due, ms   ARGV[10] the next time, ms
-- ARGV[11] 'published', 'skipped' or 'failed'   ARGV[12] why it failed, else ''
-- ARGV[13] what the names of the fields of messages of this trigger begin with; only names of such fields have a colon
-- Returns 1; or, and nothing is changed: 0 the time was advanced already, -1 the schedule was replaced or removed.
local _, CREATED_AT, NEXT, _, LAST, ERROR = unpack(ARGV, 1, 6)
local id, createdAt, due, next, result, reason, prefix = unpack(ARGV, 7, 13)
local fields = redis.call('HMGET', KEYS[1], CREATED_AT, NEXT)
if fields[1] ~= createdAt then
  return -1
end
if fields[2] ~= due then
  return 0
end
redis.call('HSET', KEYS[1], NEXT, next)
redis.call('ZADD', KEYS[2], next, id)
if result == 'failed' then
  redis.call('HSET', KEYS[1], ERROR, reason)
elseif result == 'published' then
  redis.call('HDEL', KEYS[1], ERROR)
  redis.call('HSET', KEYS[1], LAST, due)
  -- A schedule shows the messages of its last trigger only.
  for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
    if string.find(name, ':', 1, true) and string.sub(name, 1, #prefix) ~= prefix then
      redis.call('HDEL', KEYS[1], name)
    end
  end
end
return 1
