-- Wakes messages that were parked as delayed jobs, by BullMQ's own script; `scripts.ts` puts its text in place of the mark.
-- KEYS delayed, wait, paused, meta, prioritized, active, pc, events, marker
-- ARGV[1] prefix of BullMQ's jobs   ARGV[2...] message ids
-- Returns for each 1 woken, 0 not parked, -1 there is no such job.
local rcall = redis.call
-- @bullmq functions of promote
local function promote(KEYS, ARGV)
  -- @bullmq steps of promote
end

local result = {}
for index = 2, #ARGV do
  if promote(KEYS, { ARGV[1], ARGV[index] }) == 0 then
    result[index - 1] = 1
  else
    result[index - 1] = redis.call('EXISTS', ARGV[1] .. ARGV[index]) - 1
  end
end
return result
