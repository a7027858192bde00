-- Writes entries into the logs of many messages in one call: two commands per message cost the caller more.
-- KEYS[1] prefix of the messages' logs (hashes), all of one shard
-- ARGV for each message: its id, the time after which its log expires, ms, the number of texts that follow, and its
-- entries as names and values of fields
-- Returns nothing.
local index = 1
while index <= #ARGV do
  local key = KEYS[1] .. ARGV[index]
  local last = index + 2 + ARGV[index + 2]
  redis.call('HSET', key, unpack(ARGV, index + 3, last))
  -- With every entry: the last one of a message may be lost, and nothing of it may stay for ever.
  redis.call('PEXPIRE', key, ARGV[index + 1])
  index = last + 1
end
