-- Registers a waiter of a run, once, and stores the message of its deadline.
-- ARGV[6] what it is accepted for once   ARGV[7] '<step id>:<event id>'   ARGV[8] the id of ARGV[10], a blank and the JSON of the waiter   ARGV[9] what data for it is kept under
-- ARGV[10] id of the message of the deadline   ARGV[11] its head   ARGV[12] its data
-- ARGV[13] maximum bytes of the log and of what is stored beside it   ARGV[14] maximum elements: each waiter becomes one
-- Returns 'over'; 'bytes' or 'steps' if there is no room; 'gone' if the step was accepted before and does not wait for the
-- event, or no longer; 'known' if it waits already, or 'waits', and of the oldest data that was kept for the event its field
-- and the data.
if not isStarted() then
  return { 'over' }
end
local result = 'waits'
if redis.call('HEXISTS', steps, ARGV[6]) == 0 then
  local limit = isOverLimit(#ARGV[8], 1 + redis.call('HLEN', waiters), ARGV[13], ARGV[14])
  if limit then
    return { limit }
  end
  redis.call('HSET', steps, ARGV[6], ARGV[10])
  redis.call('HSET', waiters, ARGV[7], ARGV[8])
  countBytes(#ARGV[8])
  addMessage(ARGV[11], ARGV[12])
else
  result = 'known'
end
if redis.call('HEXISTS', waiters, ARGV[7]) == 0 then
  return { 'gone' }
end
local oldest, field
for _, name in ipairs(redis.call('HKEYS', notes)) do
  local number, event = string.match(name, '^(%d+):(.*)$')
  if event == ARGV[9] and (not oldest or tonumber(number) < oldest) then
    oldest, field = tonumber(number), name
  end
end
if not field then
  return { result }
end
return { result, field, redis.call('HGET', notes, field) }
