-- Ends a wait: removes the waiter and appends its result. Of an event, a deadline and the end of the run the first wins.
-- ARGV[4] field of the waiter   ARGV[5] id of the message of its deadline, which distinguishes two waits
-- ARGV[6] field of the data that is consumed, '' for none
-- ARGV[7] maximum bytes of the log and of what is stored beside it   ARGV[8] maximum elements
-- ARGV[9...14] six texts of the message, as in `appendMessages`; without a head the deadline has come
-- Returns the id of the message, and its position in the log; an empty text if there is no such waiter, 'bytes' or 'steps'
-- after it if the log has no room; 'over' if the run is over.
if not isStarted() then
  return { '', 'over' }
end
local id, head = ARGV[10], ARGV[13]
-- The same deadline, once more after a crash.
local position = head == '' and redis.call('HGET', steps, 'place:' .. id)
if position then
  local start, stop = string.match(position, '^(%d+) (%d+)$')
  return { id, start, stop }
end
local waiter = redis.call('HGET', waiters, ARGV[4])
if not waiter or string.match(waiter, '^%S+') ~= ARGV[5] then
  return { '' }
end
if ARGV[6] ~= '' and redis.call('HEXISTS', notes, ARGV[6]) == 0 then
  return { '' }
end
local bytes, count = measureNew(9, 14)
local limit = isOverLimit(bytes - #waiter, count, ARGV[7], ARGV[8])
if limit then
  return { '', limit }
end
redis.call('HDEL', waiters, ARGV[4])
countBytes(0 - #waiter)
if ARGV[6] ~= '' then
  -- The negative of zero would be written as -0, which is no integer for Redis.
  redis.call('HINCRBY', run, 'noteBytes', 0 - redis.call('HSTRLEN', notes, ARGV[6]))
  redis.call('HDEL', notes, ARGV[6])
end
if head ~= '' then
  if redis.call('ZREM', KEYS[6], ARGV[5]) == 1 then
    redis.call('DEL', ARGV[1] .. ARGV[5])
  end
  appendMessages(9, 14)
  return { id }
end
redis.call('HSET', steps, ARGV[9], id)
local start, stop = appendElement(id, ARGV[11], ARGV[12])
redis.call('HSET', steps, 'place:' .. id, start .. ' ' .. stop)
return { id, tostring(start), tostring(stop) }
