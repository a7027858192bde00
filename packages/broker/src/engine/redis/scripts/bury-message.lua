-- Puts a failed message into the dead letter queue, once: a second call for the same message gives the first id back.
-- KEYS[1] zset of dead letters by time, members '<id>:<digest>'   KEYS[2] hash id -> JSON   KEYS[3] hash message id -> id,
-- and id -> owner
-- ARGV[1] message id   ARGV[2] JSON of the entry   ARGV[3] its owner, for those who remove it without reading it
-- ARGV[4] its digest, bytes   ARGV[5] shard   ARGV[6] number of shards
-- Returns the id of the dead letter: '<ms>-<n>', where n modulo the number of shards is the shard.
local known = redis.call('HGET', KEYS[3], ARGV[1])
if known then
  return known
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local n = tonumber(ARGV[5])
local id = string.format('%.0f-%d', now, n)
while redis.call('HEXISTS', KEYS[2], id) == 1 do
  n = n + tonumber(ARGV[6])
  id = string.format('%.0f-%d', now, n)
end
redis.call('HSET', KEYS[2], id, ARGV[2])
redis.call('HSET', KEYS[3], ARGV[1], id, id, ARGV[3])
redis.call('ZADD', KEYS[1], now, id .. ':' .. ARGV[4])
return id
