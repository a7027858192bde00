-- Sets a field of a hash that has a certain field: what is gone in the meantime does not come back as a part of itself.
-- KEYS[1] hash
-- ARGV[1] field that must exist   ARGV[2] field   ARGV[3] its value
-- Returns 1 set, 0 the hash has no such field.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
return 1
