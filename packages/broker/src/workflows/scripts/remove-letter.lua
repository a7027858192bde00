-- Removes a dead letter, and its id from its run.
-- ARGV[4] its id
-- Returns how many there were.
local name = redis.call('HGET', base .. ':dlq-runs', ARGV[4])
redis.call('ZREM', base .. ':dlq', ARGV[4])
if not name then
  return { '0' }
end
redis.call('HDEL', base .. ':dlq-runs', ARGV[4])
local id, createdAt = string.match(name, '^(%S+) (%d+)$')
local failed = base .. ':state:' .. id
if redis.call('HGET', failed, 'createdAt') ~= createdAt then
  failed = base .. ':state:' .. name
end
if redis.call('HGET', failed, 'dlqId') == ARGV[4] then
  redis.call('HDEL', failed, 'dlqId')
end
return { '1' }
