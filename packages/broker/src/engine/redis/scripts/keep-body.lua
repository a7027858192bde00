-- Says how long messages need a stored body. It is gone with the last of them. Doing it twice changes nothing.
-- KEYS[1] hash: the bytes, and for each message a field: the instant until which it needs them, ms, or 0 until it says
-- otherwise
-- ARGV[1] name of the field of the bytes   ARGV[2] prefix of the fields of messages, before their ids
-- ARGV[3] 'confirm': the messages exist, so the bytes no longer expire by themselves; 'release': they need them for ARGV[4]
-- ms more; 'hold': they are about to be stored, and 'confirm' follows within ARGV[4] ms
-- ARGV[5...] message ids; 'confirm' needs only those that were not known when the bytes were stored
-- Returns 1 if the bytes are still there.
local BYTES, PREFIX, step, ms = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if redis.call('HEXISTS', KEYS[1], BYTES) == 0 then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for index = 5, #ARGV do
  if step ~= 'release' then
    redis.call('HSET', KEYS[1], PREFIX .. ARGV[index], '0')
  elseif ms > 0 then
    redis.call('HSET', KEYS[1], PREFIX .. ARGV[index], string.format('%.0f', now + ms))
  else
    -- A Redis without memory refuses to set a field, but not to remove one.
    redis.call('HDEL', KEYS[1], PREFIX .. ARGV[index])
  end
end
if step == 'hold' then
  local left = redis.call('PTTL', KEYS[1])
  if left >= 0 and left < ms then
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
  end
  return 1
end

local latest = now
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if field ~= BYTES then
    local instant = tonumber(redis.call('HGET', KEYS[1], field))
    if instant == 0 then
      if step == 'confirm' then
        redis.call('PERSIST', KEYS[1])
      end
      return 1
    end
    if instant <= now then
      redis.call('HDEL', KEYS[1], field)
    end
    latest = math.max(latest, instant)
  end
end
if latest <= now then
  redis.call('DEL', KEYS[1])
  return 0
end
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', latest))
return 1
