-- Counts a request of a caller in the current second of Redis' clock, which is the same for every process.
-- KEYS[1] string: the count; it expires with its second
-- Returns the count, this request included, and the end of the second as Unix time in seconds.
local second = tonumber(redis.call('TIME')[1])
local leftMs = redis.call('PTTL', KEYS[1])
-- More than a second is left when the clock was set back, or after a failover to a server whose clock is behind.
if leftMs >= 0 and leftMs <= 1000 then
  return { redis.call('INCR', KEYS[1]), second + 1 }
end
redis.call('SET', KEYS[1], 1)
redis.call('PEXPIREAT', KEYS[1], (second + 1) * 1000)
return { 1, second + 1 }
