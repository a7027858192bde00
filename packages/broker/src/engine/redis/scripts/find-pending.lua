-- Says which messages have not ended.
-- KEYS[1] prefix of BullMQ's jobs
-- ARGV message ids
-- Returns a text with a character for each: 1 if it has not ended, else 0.
local result = {}
for index, id in ipairs(ARGV) do
  result[index] = redis.call('EXISTS', KEYS[1] .. id)
end
return table.concat(result)
