-- Lets a message sleep longer, if it is still asleep as it was stored. If it was woken in the meantime, it may be
-- asleep again for another reason.
-- KEYS[1] zset of BullMQ's delayed jobs, by ms * SCORE_PER_MS and a counter
-- ARGV[1] message id   ARGV[2] when it wakes as it was stored, ms   ARGV[3] when it is to wake instead, ms
-- Returns 1 if it sleeps longer.
local SCORE_PER_MS = 4096
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or math.floor(score / SCORE_PER_MS) ~= tonumber(ARGV[2]) then
  return 0
end
redis.call('ZADD', KEYS[1], 'XX', string.format('%.0f', ARGV[3] * SCORE_PER_MS), ARGV[1])
return 1
