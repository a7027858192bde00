-- Accepts messages of a run, all of them or none: each is appended to the log and stored, unless it was before.
-- ARGV[4] maximum bytes of the log and of what is stored beside it   ARGV[5] maximum elements
-- ARGV[6...] six texts per message, as in `appendMessages`
-- Returns the ids of the messages, those of the first for repeated ones; or 'over', 'bytes' or 'steps' after an empty text.
if not isStarted() then
  return { '', 'over' }
end
local bytes, count = measureNew(6, #ARGV)
local limit = isOverLimit(bytes, count, ARGV[4], ARGV[5])
if limit then
  return { '', limit }
end
return appendMessages(6, #ARGV)
