-- Adds many messages to a queue of BullMQ in one call, each by BullMQ's own script for one job: a call per message costs
-- the caller more than all the rest of a batch. `scripts.ts` puts BullMQ's text in place of the marks, where KEYS and ARGV
-- are parameters.
-- KEYS[1...9] wait, paused, meta, id, completed, delayed, active, events, marker
-- KEYS[10] hash: head of the index of pending messages   KEYS[11] string: its rows
-- ARGV[1] prefix of BullMQ's jobs   ARGV[2] name of the jobs   ARGV[3] JSON of the options that all jobs share
-- ARGV[4] rows of the messages for the index   ARGV[5] bytes of rows that become a segment
-- ARGV[6...] for each message two: '<id> <timestamp, ms> <delay, ms> <attempts> <deduplication key> <its window, ms>', of
-- which the last two may be missing, and the JSON of its data
-- Returns for each message the id under which it is stored: that of an earlier one for a duplicate.
-- @script pending-head

local function addStandardJob(KEYS, ARGV)
  -- @bullmq addStandardJob
end

local function addDelayedJob(KEYS, ARGV)
  -- @bullmq addDelayedJob
end

-- First, so that no message is stored without its row.
local rowsBytes = redis.call('APPEND', KEYS[11], ARGV[4])
local delayedKeys = { KEYS[9], KEYS[3], KEYS[4], KEYS[6], KEYS[5], KEYS[8] }
local options = cjson.decode(ARGV[3])
local ids = {}
for index = 6, #ARGV, 2 do
  local id, timestamp, delay, attempts, once, window =
    string.match(ARGV[index], '^(%S+) (%d+) (%d+) (%d+) ?(%S*) ?(%d*)$')
  local job = { ARGV[1], id, ARGV[2], tonumber(timestamp) }
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
countAdded(KEYS[10], #ids)
if rowsBytes >= tonumber(ARGV[5]) then
  sealRows(KEYS[10], KEYS[11])
end
return ids
