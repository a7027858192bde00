-- Keeps data of an event for a run in which nothing waits for it yet.
-- ARGV[6] event id   ARGV[7] the data   ARGV[8] most texts that a run keeps   ARGV[9] most bytes of them
-- ARGV[10] what the data is kept under: the event id, or that of a webhook
-- Returns 'over'; 'kept'; 'full'; or 'waits' and the fields of the waiters that are there, and nothing was kept.
if not isStarted() then
  return { 'over' }
end
local found = listWaiters(ARGV[6], { 'waits' })
if #found > 1 then
  return found
end
local bytes = #ARGV[7] + tonumber(redis.call('HGET', run, 'noteBytes') or '0')
if redis.call('HLEN', notes) >= tonumber(ARGV[8]) or bytes > tonumber(ARGV[9]) then
  return { 'full' }
end
redis.call('HSET', run, 'noteBytes', bytes)
redis.call('HSET', notes, redis.call('HINCRBY', run, 'notes', 1) .. ':' .. ARGV[10], ARGV[7])
return { 'kept' }
