-- The messages of a stored body exist: it no longer expires, unless all of them have ended in the meantime.
-- KEYS[1] hash: field 'bytes', a field 'message:<id>' for each message that needs them, field 'keepUntil'
-- Returns 1 if the body is there and needed.
if redis.call('HLEN', KEYS[1]) <= 2 then
  return 0
end
redis.call('PERSIST', KEYS[1])
return 1
