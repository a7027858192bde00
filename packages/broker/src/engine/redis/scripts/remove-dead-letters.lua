-- Removes entries of the dead letter queue.
-- KEYS[1] zset of dead letters by time, members '<id>:<digest>' or '<id>'   KEYS[2] hash id -> JSON
-- KEYS[3] hash message id -> id, and id -> owner   KEYS[4] prefix of the responses   KEYS[5] prefix of the messages' logs,
-- all of one shard
-- ARGV for each entry two: its id, and the id of its message, '' if that is not known
-- Returns for each entry 1 if it was there, else 0.
local removed = {}
for index = 1, #ARGV, 2 do
  local id, message = ARGV[index], ARGV[index + 1]
  removed[#removed + 1] = redis.call('HDEL', KEYS[2], id)
  redis.call('HDEL', KEYS[3], id)
  -- Its time, at which there are few others, is the first part of an id.
  local time = string.match(id, '^%d+')
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], time, time)) do
    if member == id or string.sub(member, 1, #id + 1) == id .. ':' then
      redis.call('ZREM', KEYS[1], member)
    end
  end
  if message ~= '' then
    redis.call('HDEL', KEYS[3], message)
    -- The log shows the same response, for as long as there is one.
    local left = redis.call('PTTL', KEYS[5] .. message)
    if left > 0 then
      redis.call('PEXPIRE', KEYS[4] .. message, left)
    else
      redis.call('DEL', KEYS[4] .. message)
    end
  end
end
return removed
