-- The messages of a stored body exist: it no longer expires, unless all of them have ended in the meantime. More messages
-- may need it now.
-- KEYS[1] hash: field 'bytes', a field 'message:<id>' for each message that needs them, field 'keepUntil'
-- ARGV ids of more messages
-- Returns 1 if the body is there and needed.
if redis.call('HEXISTS', KEYS[1], 'bytes') == 0 then
  return 0
end
for _, id in ipairs(ARGV) do
  redis.call('HSET', KEYS[1], 'message:' .. id, 1)
end
if redis.call('HLEN', KEYS[1]) <= 2 then
  return 0
end
redis.call('PERSIST', KEYS[1])
return 1
