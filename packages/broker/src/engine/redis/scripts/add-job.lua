-- Adds jobs to a queue of BullMQ, each by BullMQ's own script for one job. `scripts.ts` puts BullMQ's text in place of the
-- marks, where KEYS and ARGV are parameters.

-- Whether a job of this call has found out if the queue is paused, and has marked it as not empty if not: all jobs of a
-- call find it in the same state, and one mark is enough.
local isMarked = false

local rcall = redis.call
local storeStandardJob, storeDelayedJob
do
  -- @bullmq functions of addStandardJob
  function storeStandardJob(KEYS, ARGV)
    -- @bullmq steps of addStandardJob
  end
end
do
  -- @bullmq functions of addDelayedJob
  function storeDelayedJob(KEYS, ARGV)
    -- @bullmq steps of addDelayedJob
  end
end

-- `keys` are wait, paused, meta, id, completed, delayed, active, events and marker, `head` is '<id> <timestamp, ms>
-- <delay, ms> <deduplication key> <its window, ms>', of which the last two may be missing. Gives the id under which the job
-- is stored: that of an earlier one for a duplicate.
local function addJob(keys, prefix, head, data)
  local id, timestamp, delay, once, window = string.match(head, '^(%S+) (%d+) (%d+) ?(%S*) ?(%d*)$')
  local job = { prefix, id, '', tonumber(timestamp) }
  local options = { delay = tonumber(delay) }
  if once ~= '' then
    job[9] = prefix .. 'de:' .. once
    options.de = { id = once, ttl = tonumber(window) }
  end
  if options.delay > 0 then
    return storeDelayedJob({ keys[9], keys[3], keys[4], keys[6], keys[5], keys[8] }, { job, data, options })
  end
  return storeStandardJob(keys, { job, data, options })
end
