-- Adds a member to a list whose members expire one by one, removes those that have, and lets the list expire with the last.
-- KEYS[1] zset: member to the time when it expires, ms
-- ARGV[1] member   ARGV[2] when it expires, ms   ARGV[3] now, ms
-- Returns 1 if the member is new, else 0.
local isNew = redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
-- Few at a time: each call adds one.
local expired = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[3], 'LIMIT', 0, 100)
if #expired > 0 then
  redis.call('ZREM', KEYS[1], unpack(expired))
end
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
if last[2] then
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', last[2]))
end
return isNew
