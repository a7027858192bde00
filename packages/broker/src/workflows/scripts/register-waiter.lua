-- Registers a waiter of a run, once, and stores the message of its deadline.
-- ARGV[4] what it is accepted for once   ARGV[5] '<step id>:<event id>'   ARGV[6] the id of ARGV[8], a blank and the JSON of the waiter   ARGV[7] what data for it is kept under
-- ARGV[8] id of the message of the deadline   ARGV[9] its head   ARGV[10] its data
-- ARGV[11] maximum bytes of the log and of what is stored beside it   ARGV[12] maximum elements: each waiter becomes one
-- Returns 'over'; 'bytes' or 'steps' if there is no room; 'gone' if the step was accepted before and does not wait for the
-- event, or no longer; 'known' if it waits already, or 'waits', and of the oldest data that was kept for the event its field
-- and the data.
if not isStarted() then
  return { 'over' }
end
local result = 'waits'
if redis.call('HEXISTS', steps, ARGV[4]) == 0 then
  local limit = isOverLimit(#ARGV[6], 1 + redis.call('HLEN', waiters), ARGV[11], ARGV[12])
  if limit then
    return { limit }
  end
  redis.call('HSET', steps, ARGV[4], ARGV[8])
  redis.call('HSET', waiters, ARGV[5], ARGV[6])
  countBytes(#ARGV[6])
  addMessage(ARGV[9], ARGV[10])
else
  result = 'known'
end
if redis.call('HEXISTS', waiters, ARGV[5]) == 0 then
  return { 'gone' }
end
local oldest, field
for _, name in ipairs(redis.call('HKEYS', notes)) do
  local number, event = string.match(name, '^(%d+):(.*)$')
  if event == ARGV[7] and (not oldest or tonumber(number) < oldest) then
    oldest, field = tonumber(number), name
  end
end
if not field then
  return { result }
end
return { result, field, redis.call('HGET', notes, field) }
