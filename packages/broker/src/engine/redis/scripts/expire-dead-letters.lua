-- Removes entries of the dead letter queue that are past their retention. Their bodies and answers expire by themselves.
-- KEYS[1] zset of dead letters by time, members '<id>:<digest>' or '<id>'   KEYS[2] hash id -> JSON
-- KEYS[3] hash message id -> id
-- ARGV[1] retention, ms   ARGV[2] how many at most
-- Returns how many there were.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local old = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[1]), 'LIMIT', 0, ARGV[2])
for _, member in ipairs(old) do
  local id = string.match(member, '^[%d-]+')
  local entry = redis.call('HGET', KEYS[2], id)
  redis.call('HDEL', KEYS[2], id)
  redis.call('ZREM', KEYS[1], member)
  local message = entry and string.match(entry, '^{"messageId":"([%w_]+)"')
  if message then
    redis.call('HDEL', KEYS[3], message)
  end
end
return #old
