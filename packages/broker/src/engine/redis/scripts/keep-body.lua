-- Says how long messages need a stored body. It is gone with the last of them. Doing it twice changes nothing.
-- KEYS[1] hash: the bytes; for each message a field: the instant until which it needs them, ms, or 0 until it says
-- otherwise; and for each that is about to be stored another field: the instant until which they are held for it, ms
-- ARGV[1] name of the field of the bytes   ARGV[2] prefix of the fields of messages, before their ids   ARGV[3] prefix of
-- the fields of messages that are about to be stored
-- ARGV[4] 'hold': the messages are about to be stored, and 'confirm' follows within ARGV[5] ms; 'confirm': they exist, so
-- the bytes no longer expire by themselves; 'release': they need them for ARGV[5] ms more
-- ARGV[6...] message ids; 'confirm' needs only those that were held
-- Returns 1 if the bytes are still there.
local BYTES, PREFIX, HELD, step, ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
if redis.call('HEXISTS', KEYS[1], BYTES) == 0 then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for index = 6, #ARGV do
  local id = ARGV[index]
  if step == 'hold' then
    redis.call('HSET', KEYS[1], HELD .. id, string.format('%.0f', now + ms))
  else
    -- A Redis without memory refuses to set a field, but not to remove one.
    local isHeld = redis.call('HDEL', KEYS[1], HELD .. id) == 1
    if step == 'release' and ms > 0 then
      redis.call('HSET', KEYS[1], PREFIX .. id, string.format('%.0f', now + ms))
    elseif step == 'release' then
      redis.call('HDEL', KEYS[1], PREFIX .. id)
    elseif isHeld then
      redis.call('HSET', KEYS[1], PREFIX .. id, '0')
    end
  end
end
if step == 'hold' then
  local left = redis.call('PTTL', KEYS[1])
  if left >= 0 and left < ms then
    redis.call('PEXPIRE', KEYS[1], ARGV[5])
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
