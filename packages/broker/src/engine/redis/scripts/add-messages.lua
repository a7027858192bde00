-- Adds many messages to a queue of BullMQ in one call: a call per message costs the caller more than all the rest of a
-- batch.
-- KEYS[1] prefix of BullMQ's jobs and of the other keys of its queue
-- KEYS[2] hash: head of the index of pending messages   KEYS[3] string: its rows
-- ARGV[1] name of the jobs   ARGV[2] JSON of the options that all jobs share
-- ARGV[3] rows of the messages for the index   ARGV[4] bytes of rows that become a segment
-- ARGV[5...] for each message two: its head, as in `addJob`, and the JSON of its data
-- Returns for each message the id under which it is stored: that of an earlier one for a duplicate.
-- @script pending-head
-- @script add-job

-- First, so that no message is stored without its row.
local rowsBytes = redis.call('APPEND', KEYS[3], ARGV[3])
local prefix, name, options = KEYS[1], ARGV[1], ARGV[2]
local keys = {}
for index, key in ipairs({ 'wait', 'paused', 'meta', 'id', 'completed', 'delayed', 'active', 'events', 'marker' }) do
  keys[index] = prefix .. key
end
local ids = {}
for index = 5, #ARGV, 2 do
  ids[#ids + 1] = addJob(keys, prefix, name, options, ARGV[index], ARGV[index + 1])
end
countAdded(KEYS[2], #ids)
if rowsBytes >= tonumber(ARGV[4]) then
  sealRows(KEYS[2], KEYS[3])
end
return ids
