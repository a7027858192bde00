-- Writes entries into the logs of many messages in one call: two commands per message cost the caller more.
-- KEYS the logs (hashes)
-- ARGV for each log: the time after which it expires, ms, the number of texts that follow, and the entries as names and
-- values of fields
-- Returns nothing.
local index = 1
for _, key in ipairs(KEYS) do
  local last = index + 1 + ARGV[index + 1]
  redis.call('HSET', key, unpack(ARGV, index + 2, last))
  -- With every entry: the last one of a message may be lost, and nothing of it may stay for ever.
  redis.call('PEXPIRE', key, ARGV[index])
  index = last + 1
end
