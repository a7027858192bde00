-- Puts a schedule in place of the one with its id, of which nothing stays; or removes it.
-- KEYS[1] hash: the schedule   KEYS[2] zset: ids of schedules by the time at which to look at them, ms
-- ARGV[1...6] names of the fields of a schedule: definition, instant of creation, next time, until when it is paused,
-- last time that published, error
-- ARGV[7] id   ARGV[8] JSON of the definition, '' to remove the schedule   ARGV[9] instant of its creation, ms
-- ARGV[10] its first time, ms   ARGV[11] greatest number of schedules; one may always be replaced
-- Returns names and values of what was there, in turn; -1 if the limit is reached.
local DEFINITION, CREATED_AT, NEXT = unpack(ARGV, 1, 3)
local id, definition, createdAt, first, limit = unpack(ARGV, 7, 11)
local isNew = not redis.call('ZSCORE', KEYS[2], id)
if isNew and definition ~= '' and redis.call('ZCARD', KEYS[2]) >= tonumber(limit) then
  return -1
end
local before = redis.call('HGETALL', KEYS[1])
redis.call('DEL', KEYS[1])
if definition == '' then
  redis.call('ZREM', KEYS[2], id)
else
  redis.call('HSET', KEYS[1], DEFINITION, definition, CREATED_AT, createdAt, NEXT, first)
  redis.call('ZADD', KEYS[2], first, id)
end
return before
