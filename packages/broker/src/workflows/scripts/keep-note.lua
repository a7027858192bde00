-- Keeps data of an event for a run in which nothing waits for it yet.
-- ARGV[4] event id   ARGV[5] the data   ARGV[6] most texts that a run keeps   ARGV[7] most bytes of them
-- ARGV[8] what the data is kept under: the event id, or that of a webhook
-- Returns 'over'; 'kept'; 'full'; or 'waits' and the fields of the waiters that are there, and nothing was kept.
if not isStarted() then
  return { 'over' }
end
local found = listWaiters(ARGV[4], { 'waits' })
if #found > 1 then
  return found
end
local bytes = #ARGV[5] + tonumber(redis.call('HGET', run, 'noteBytes') or '0')
if redis.call('HLEN', notes) >= tonumber(ARGV[6]) or bytes > tonumber(ARGV[7]) then
  return { 'full' }
end
redis.call('HSET', run, 'noteBytes', bytes)
redis.call('HSET', notes, redis.call('HINCRBY', run, 'notes', 1) .. ':' .. ARGV[8], ARGV[5])
return { 'kept' }
