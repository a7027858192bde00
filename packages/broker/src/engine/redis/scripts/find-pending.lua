-- Says which messages have not ended. Their keys are declared, so that a cluster that is moving them refuses the call.
-- KEYS jobs of BullMQ
-- Returns a text with a character for each: 1 if it has not ended, else 0.
local result = {}
for index, key in ipairs(KEYS) do
  result[index] = redis.call('EXISTS', key)
end
return table.concat(result)
