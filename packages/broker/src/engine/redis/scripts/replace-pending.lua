-- Puts a segment of the index of pending messages in place of others.
-- KEYS[1] hash: head of the index
-- ARGV[1] rows of the new segment, 0 for none   ARGV[2] its columns of labels   ARGV[3] when it is tidied next, ms
-- ARGV[4] its interval, ms   ARGV[5] the new segment, sorted by columns   ARGV[6...] for each segment that it replaces two: its number and the claim
-- Returns 1; 0, and nothing is changed, if one of them is no longer claimed so: another process has replaced it, or a
-- failover has lost it, and its number may be that of another segment.
-- @script pending-head

for index = 6, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], SEGMENT .. ARGV[index]) ~= ARGV[index + 1] then
    return 0
  end
end
for index = 6, #ARGV, 2 do
  redis.call('UNLINK', segmentKey(KEYS[1], ARGV[index]))
  redis.call('HDEL', KEYS[1], SEGMENT .. ARGV[index])
end
if ARGV[1] ~= '0' then
  local number = redis.call('HINCRBY', KEYS[1], NEWEST, 1)
  redis.call('SET', segmentKey(KEYS[1], number), ARGV[5])
  redis.call('HSET', KEYS[1], SEGMENT .. number, table.concat({ ARGV[1], ARGV[3], ARGV[4], ARGV[2] }, ' '))
end
return 1
