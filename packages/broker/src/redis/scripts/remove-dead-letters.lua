-- Removes entries of the dead letter queue.
-- KEYS[1] zset of dead letter ids by time   KEYS[2] hash id -> JSON   KEYS[3] hash message id -> id
-- ARGV ids of dead letters
-- Returns how many were there.
local removed = 0
for _, id in ipairs(ARGV) do
  local entry = redis.call('HGET', KEYS[2], id)
  if entry then
    removed = removed + 1
    redis.call('HDEL', KEYS[2], id)
    redis.call('ZREM', KEYS[1], id)
    local message = string.match(entry, '^{"messageId":"([%w_]+)"')
    if message then
      redis.call('HDEL', KEYS[3], message)
    end
  end
end
return removed
