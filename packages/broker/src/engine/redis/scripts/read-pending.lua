-- Reads what a search in the index of pending messages needs first.
-- KEYS[1] hash: head of the index   KEYS[2] string: its rows   KEYS[3] BullMQ's counter of jobs
-- Returns the number of messages that are not in the index, the rows, and for each segment three: its number, how many rows
-- it has, 0 if they are not sorted by columns, and its columns of labels, '' if an earlier version has made it.
-- @script pending-head

local result = { tostring(countMissing(KEYS[1], KEYS[3])), redis.call('GET', KEYS[2]) or '' }
eachSegment(KEYS[1], function(number, rows, _, _, labelColumns)
  result[#result + 1] = number
  result[#result + 1] = rows
  result[#result + 1] = labelColumns
end)
return result
