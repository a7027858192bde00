-- Adds many messages to a queue of BullMQ in one call, each by BullMQ's own script for one job: a call per message costs
-- the caller more than all the rest of a batch. `scripts.ts` puts BullMQ's text in place of the two marks, where KEYS and
-- ARGV are parameters.
-- KEYS wait, paused, meta, id, completed, delayed, active, events, marker
-- ARGV[1] prefix of BullMQ's jobs   ARGV[2] name of the jobs   ARGV[3] JSON of the options that all jobs share
-- ARGV[4...] for each message two: '<id> <timestamp, ms> <delay, ms> <attempts> <deduplication key> <its window, ms>', of
-- which the last two may be missing, and the JSON of its data
-- Returns for each message the id under which it is stored: that of an earlier one for a duplicate.
local function addStandardJob(KEYS, ARGV)
  -- @bullmq addStandardJob
end

local function addDelayedJob(KEYS, ARGV)
  -- @bullmq addDelayedJob
end

local delayedKeys = { KEYS[9], KEYS[3], KEYS[4], KEYS[6], KEYS[5], KEYS[8] }
local options = cjson.decode(ARGV[3])
local ids = {}
for index = 4, #ARGV, 2 do
  local id, timestamp, delay, attempts, once, window =
    string.match(ARGV[index], '^(%S+) (%d+) (%d+) (%d+) ?(%S*) ?(%d*)$')
  local job = { ARGV[1], id, ARGV[2], tonumber(timestamp) }
  options.jobId = id
  options.timestamp = tonumber(timestamp)
  options.delay = tonumber(delay)
  options.attempts = tonumber(attempts)
  options.de = nil
  if once ~= '' then
    job[9] = ARGV[1] .. 'de:' .. once
    options.de = { id = once, ttl = tonumber(window) }
  end
  local arguments = { job, ARGV[index + 1], options }
  if options.delay > 0 then
    ids[#ids + 1] = addDelayedJob(delayedKeys, arguments)
  else
    ids[#ids + 1] = addStandardJob(KEYS, arguments)
  end
end
return ids
