-- Lets a message sleep longer, if it is still asleep as it was stored. If it was woken in the meantime, it may be
-- asleep again for another reason.
-- KEYS[1] zset of BullMQ's delayed jobs, by ms * 4096 and a counter
-- ARGV[1] message id   ARGV[2] when it wakes as it was stored, ms   ARGV[3] when it is to wake instead, ms
-- Returns 1 if it sleeps longer.
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or math.floor(score / 4096) ~= tonumber(ARGV[2]) then
  return 0
end
redis.call('ZADD', KEYS[1], 'XX', string.format('%.0f', ARGV[3] * 4096), ARGV[1])
return 1
