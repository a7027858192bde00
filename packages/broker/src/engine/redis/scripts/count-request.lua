-- Counts a request of a caller in the current second of Redis' clock, which is the same for every process.
-- KEYS[1] string: the count; it expires with its second
-- Returns the count, this request included, and the end of the second as Unix time in seconds.
local second = tonumber(redis.call('TIME')[1])
local count = redis.call('INCR', KEYS[1])
if count == 1 then
  redis.call('PEXPIREAT', KEYS[1], (second + 1) * 1000)
end
return { count, second + 1 }
