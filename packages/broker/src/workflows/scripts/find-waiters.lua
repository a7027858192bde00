-- Finds what takes a webhook call in a run.
-- ARGV[4] event id
-- Returns 'over'; or 'active', the number of texts that the run keeps, their bytes, and the fields of the waiters of the
-- event.
if not isStarted() then
  return { 'over' }
end
local noteBytes = redis.call('HGET', run, 'noteBytes') or '0'
return listWaiters(ARGV[4], { 'active', tostring(redis.call('HLEN', notes)), noteBytes })
