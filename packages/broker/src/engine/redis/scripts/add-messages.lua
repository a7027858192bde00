-- Adds many messages to a queue of BullMQ in one call: a call per message costs the caller more than all the rest of a
-- batch.
-- KEYS[1] prefix of BullMQ's jobs and of the other keys of its queue
-- KEYS[2] hash: head of the index of pending messages   KEYS[3] string: its rows
-- ARGV[1] rows of the messages for the index   ARGV[2] bytes of rows that become a segment
-- ARGV[3...] for each message two: its head, as in `addJob`, and the JSON of its data
-- Returns for each message the id under which it is stored: that of an earlier one for a duplicate.
-- @script pending-head
-- @script add-job

-- First, so that no message is stored without its row.
local rowsBytes = redis.call('APPEND', KEYS[3], ARGV[1])
local prefix = KEYS[1]
local keys = {}
for index, key in ipairs({ 'wait', 'paused', 'meta', 'id', 'completed', 'delayed', 'active', 'events', 'marker' }) do
  keys[index] = prefix .. key
end
local ids = {}
for index = 3, #ARGV, 2 do
  ids[#ids + 1] = addJob(keys, prefix, ARGV[index], ARGV[index + 1])
end
countAdded(KEYS[2], #ids)
if rowsBytes >= tonumber(ARGV[2]) then
  sealRows(KEYS[2], KEYS[3])
end
return ids
