-- One message no longer needs a stored body. When none does, the body expires at the latest instant that was asked for.
-- Doing it twice changes nothing.
-- KEYS[1] hash: field 'bytes', a field 'message:<id>' for each message that needs them, field 'keepUntil'
-- ARGV[1] message id   ARGV[2] keep the bytes until this instant, ms
-- Returns the number of messages that still need the body.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('HDEL', KEYS[1], 'message:' .. ARGV[1])
local keepUntil = math.max(tonumber(redis.call('HGET', KEYS[1], 'keepUntil') or '0'), tonumber(ARGV[2]))
redis.call('HSET', KEYS[1], 'keepUntil', string.format('%.0f', keepUntil))
local left = redis.call('HLEN', KEYS[1]) - 2
if left <= 0 then
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', keepUntil))
end
return left
