-- Hands schedules that are due to one dispatcher. Whoever does not get to their end in time loses them to another one.
-- The clock is that of Redis: one of a dispatcher may be wrong.
-- KEYS[1] zset: ids of schedules by the time at which to look at them, ms
-- ARGV[1] prefix of the hashes of schedules   ARGV[2] most schedules   ARGV[3] how long they are for the caller alone, ms
-- Returns the time, ms; the time until a schedule is due that was not handed out, ms, or -1 if there is no other; and for
-- each schedule that was: id, definition, instant of creation, the time that is due, and until when it is paused ('' never).
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reply = { now, -1 }
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])) do
  local fields = redis.call('HMGET', ARGV[1] .. id, 'definition', 'createdAt', 'next', 'pausedUntil')
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), id)
  reply[#reply + 1] = { id, fields[1], fields[2], fields[3], fields[4] or '' }
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if first[2] then
  reply[2] = math.max(0, tonumber(first[2]) - now)
end
return reply
