-- Adds many messages to queues of BullMQ in one call: a call per message costs the caller more than all the rest of a
-- batch.
-- KEYS for each queue three: prefix of BullMQ's jobs and of the other keys of the queue; hash: head of the index of
-- pending messages; string: rows of that index
-- ARGV[1] bytes of rows that become a segment
-- ARGV[2...] for each queue: rows of its messages for the index, the number of the messages, and for each message two: its
-- head, as in `addJob`, and the JSON of its data
-- Returns for each queue the ids under which its messages are stored: that of an earlier one for a duplicate. After an
-- error only those of the queues before it; when it was the first queue, the error.
-- @script pending-head
-- @script add-job

local names = { 'wait', 'paused', 'meta', 'id', 'completed', 'delayed', 'active', 'events', 'marker' }

-- The arguments of the queue begin at `from`.
local function addToQueue(prefix, head, rows, from)
  -- First, so that no message is stored without its row.
  local rowsBytes = redis.call('APPEND', rows, ARGV[from])
  local keys = {}
  for index, name in ipairs(names) do
    keys[index] = prefix .. name
  end
  isMarked = false
  local ids = {}
  for index = from + 2, from + 2 * ARGV[from + 1], 2 do
    ids[#ids + 1] = addJob(keys, prefix, ARGV[index], ARGV[index + 1])
  end
  countAdded(head, #ids)
  if rowsBytes >= tonumber(ARGV[1]) then
    sealRows(head, rows)
  end
  return ids
end

local results = {}
local from = 2
for key = 1, #KEYS, 3 do
  local isDone, result = pcall(addToQueue, KEYS[key], KEYS[key + 1], KEYS[key + 2], from)
  if not isDone and key == 1 then
    -- Thrown again, the error would lose its code.
    return redis.error_reply(result)
  elseif not isDone then
    break
  end
  results[#results + 1] = result
  from = from + 2 + 2 * ARGV[from + 1]
end
return results
