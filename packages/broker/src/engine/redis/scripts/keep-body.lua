-- Says how long messages need a stored body. It is gone with the last of them. Doing it twice changes nothing.
-- KEYS[1] hash: field 'bytes', and for each message 'message:<id>': the instant until which it needs them, ms, or 0 until
-- it says otherwise
-- ARGV[1] 'confirm': the messages exist, so the bytes no longer expire by themselves; 'release': they need them for ARGV[2]
-- ms more; 'hold': they are about to be stored, and 'confirm' follows within ARGV[2] ms
-- ARGV[3...] message ids; 'confirm' needs only those that were not known when the bytes were stored
-- Returns 1 if the bytes are still there.
if redis.call('HEXISTS', KEYS[1], 'bytes') == 0 then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for index = 3, #ARGV do
  if ARGV[1] ~= 'release' then
    redis.call('HSET', KEYS[1], 'message:' .. ARGV[index], '0')
  elseif tonumber(ARGV[2]) > 0 then
    redis.call('HSET', KEYS[1], 'message:' .. ARGV[index], string.format('%.0f', now + ARGV[2]))
  else
    -- A Redis without memory refuses to set a field, but not to remove one.
    redis.call('HDEL', KEYS[1], 'message:' .. ARGV[index])
  end
end
if ARGV[1] == 'hold' then
  local left = redis.call('PTTL', KEYS[1])
  if left >= 0 and left < tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end
  return 1
end

local latest = now
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if field ~= 'bytes' then
    local instant = tonumber(redis.call('HGET', KEYS[1], field))
    if instant == 0 then
      if ARGV[1] == 'confirm' then
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
