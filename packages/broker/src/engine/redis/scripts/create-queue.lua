-- Makes a queue with a parallelism of 1 and lists its name, both or neither. One that exists keeps its settings.
-- KEYS[1] hash: state   KEYS[2] set: names of the queues of the shard
-- ARGV[1] name   ARGV[2] now, ms   ARGV[3...6] names of the fields of the state: instant of creation, instant of the last
-- change, parallelism, paused
-- Returns 1.
local CREATED_AT, UPDATED_AT, PARALLELISM, PAUSED = unpack(ARGV, 3, 6)
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('HSETNX', KEYS[1], CREATED_AT, ARGV[2])
redis.call('HSETNX', KEYS[1], UPDATED_AT, ARGV[2])
redis.call('HSETNX', KEYS[1], PARALLELISM, 1)
redis.call('HSETNX', KEYS[1], PAUSED, 0)
return 1
