-- Removes entries of the dead letter queue.
-- KEYS[1] zset of dead letters by time, members '<id>:<digest>' or '<id>'   KEYS[2] hash id -> JSON
-- KEYS[3] hash message id -> id   KEYS[4] prefix of the answers   KEYS[5] prefix of the messages' logs, all of one shard
-- ARGV ids of dead letters
-- Returns for each that was there its message id, and the key of its body if that is stored elsewhere, else ''.
local removed = {}
for _, id in ipairs(ARGV) do
  local entry = redis.call('HGET', KEYS[2], id)
  if entry then
    redis.call('HDEL', KEYS[2], id)
    -- Its time, at which there are few others, is the first part of an id.
    local time = string.match(id, '^%d+')
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], time, time)) do
      if member == id or string.sub(member, 1, #id + 1) == id .. ':' then
        redis.call('ZREM', KEYS[1], member)
      end
    end
    local message = string.match(entry, '^{"messageId":"([%w_]+)"')
    if message then
      redis.call('HDEL', KEYS[3], message)
      -- The log shows the same answer, for as long as there is one.
      local left = redis.call('PTTL', KEYS[5] .. message)
      if left > 0 then
        redis.call('PEXPIRE', KEYS[4] .. message, left)
      else
        redis.call('DEL', KEYS[4] .. message)
      end
    end
    -- What people wrote cannot look like this: their quotes are escaped.
    local body = string.match(entry, '"body":{"kind":"stored","key":"([%w_]+)"}')
    removed[#removed + 1] = { message or '', body or '' }
  end
end
return removed
