-- Begins a run whose log was copied from another one, and delivers some of its messages again.
-- ARGV[6] maximum active runs in this shard
-- ARGV[7] number of texts that follow: names and values of fields of the run
-- ARGV[8...] these, then head and data of each message
-- Returns 'started', 'known' or 'full'.
if redis.call('EXISTS', run) == 1 then
  return { 'known' }
end
if redis.call('ZCARD', base .. ':active') >= tonumber(ARGV[6]) then
  return { 'full' }
end
local first = 8 + tonumber(ARGV[7])
redis.call('HSET', run, 'state', 'RUN_STARTED', 'createdAt', ARGV[5], unpack(ARGV, 8, first - 1))
redis.call('ZADD', base .. ':active', ARGV[5], runId .. ' ' .. ARGV[5])
for _, key in ipairs({ log, entries, steps }) do
  redis.call('PERSIST', key)
end
for index = first, #ARGV, 2 do
  addMessage(ARGV[index], ARGV[index + 1])
end
return { 'started' }
