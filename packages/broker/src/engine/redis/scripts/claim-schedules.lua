-- Claims schedules that are due for one dispatcher. When the claim ends before the dispatcher has advanced them, another
-- dispatcher can claim them. The clock is that of Redis: one of a dispatcher may be wrong.
-- KEYS[1] zset: ids of schedules by the time at which to look at them, ms
-- ARGV[1...6] names of the fields of a schedule: definition, instant of creation, next time, until when it is paused,
-- last time that published, error
-- ARGV[7] prefix of the hashes of schedules   ARGV[8] maximum number of schedules   ARGV[9] how long the claim lasts, ms
-- Returns the time, ms; the time until a schedule is due that was not claimed, ms, or -1 if there is no other; and for each
-- that was claimed: id, definition, instant of creation, the time that is due, and until when it is paused ('' never).
local DEFINITION, CREATED_AT, NEXT, PAUSED_UNTIL = unpack(ARGV, 1, 4)
local prefix, max, claim = unpack(ARGV, 7, 9)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reply = { now, -1 }
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, max)) do
  local fields = redis.call('HMGET', prefix .. id, DEFINITION, CREATED_AT, NEXT, PAUSED_UNTIL)
  redis.call('ZADD', KEYS[1], now + tonumber(claim), id)
  reply[#reply + 1] = { id, fields[1], fields[2], fields[3], fields[4] or '' }
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if first[2] then
  reply[2] = math.max(0, tonumber(first[2]) - now)
end
return reply
