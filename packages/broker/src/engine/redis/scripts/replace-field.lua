-- Replaces a field of a hash if it still has the value that the caller read, so that a caller learns of a lost race.
-- KEYS[1] hash
-- ARGV[1] field   ARGV[2] value that was read, '' for none   ARGV[3] new value, '' to remove the field
-- ARGV[4] greatest number of fields, 0 for no limit; an existing field may always be replaced
-- Returns 1 replaced, 0 another caller has changed the field, -1 the limit is reached.
local current = redis.call('HGET', KEYS[1], ARGV[1])
if (current or '') ~= ARGV[2] then
  return 0
end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
  return 1
end
local limit = tonumber(ARGV[4])
if not current and limit > 0 and redis.call('HLEN', KEYS[1]) >= limit then
  return -1
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
