-- Removes a queue and takes its name off the list, both or neither. The name of one that does not exist leaves the list.
-- KEYS[1] hash: state   KEYS[2] zset: holders   KEYS[3] zset: waiters   KEYS[4] zset: busy lanes of the shard
-- KEYS[5] set: names of the queues of the shard   KEYS[6] zset: delayed messages
-- ARGV[1] name   ARGV[2] name of the lane   ARGV[3] name of the field of the instant of creation, which every queue has
-- ARGV[4] '1' to remove the queue; '0' to leave one that exists as it is
-- Returns 1.
local exists = redis.call('HEXISTS', KEYS[1], ARGV[3]) == 1
if exists and ARGV[4] == '0' then
  return 1
end
redis.call('SREM', KEYS[5], ARGV[1])
if exists then
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[6])
  redis.call('ZREM', KEYS[4], ARGV[2])
end
return 1
