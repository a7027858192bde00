-- Ends jobs that are done, each by BullMQ's own script for one job, which also hands over the next one: a call for each
-- job costs Redis and the caller more than all the rest of it.
-- KEYS prefixes of BullMQ's jobs and of the other keys of their queues
-- ARGV[1] now, ms   ARGV[2...] each job: '<number of its prefix> <time until the lock of the next job expires, ms; 0 to
-- hand over none> <value of its lock, and of that of the next job> <id>'
-- Returns for each job what BullMQ's script returns. After an error only the results of the jobs before it; when it was
-- the first job, the error.
local rcall = redis.call
-- @bullmq functions of moveToFinished
local function complete(KEYS, ARGV)
  -- @bullmq steps of moveToFinished
end

local names = { 'wait', 'active', 'prioritized', 'events', 'stalled', 'limiter', 'delayed', 'paused', 'meta', 'pc' }
local queues = {}
for number, prefix in ipairs(KEYS) do
  local keys = {}
  for index, name in ipairs(names) do
    keys[index] = prefix .. name
  end
  keys[14] = prefix .. 'marker'
  queues[number] = keys
end

local results = {}
for index = 2, #ARGV do
  local number, lockMs, token, id = string.match(ARGV[index], '^(%d+) (%d+) (%S+) (.+)$')
  number = tonumber(number)
  local prefix, keys = KEYS[number], queues[number]
  keys[12] = prefix .. id
  local options = { token = token, keepJobs = { count = 0 }, lockDuration = lockMs, maxMetricsSize = '' }
  local fetchNext = lockMs == '0' and '0' or '1'
  local isDone, result =
    pcall(complete, keys, { id, ARGV[1], 'returnvalue', 'null', 'completed', fetchNext, prefix, options, '' })
  if not isDone and index == 2 then
    -- Thrown again, the error would lose its code.
    return redis.error_reply(result)
  elseif not isDone then
    break
  end
  results[index - 1] = result
end
return results
