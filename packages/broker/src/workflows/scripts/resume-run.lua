-- Begins a run whose log was copied from another one, and delivers some of its messages again.
-- ARGV[4] name of the copy of the log   ARGV[5] most active runs in this shard   ARGV[6] number of texts that follow:
-- names and values of fields of the run
-- ARGV[7...] these, then head and data of each message
-- Returns 'started'; or 'known' or 'full', and the copy is gone.
local refusal
if redis.call('EXISTS', run) == 1 then
  refusal = 'known'
elseif redis.call('ZCARD', base .. ':active') >= tonumber(ARGV[5]) then
  refusal = 'full'
end
-- The log comes first: it expires first, and then the script fails before it has changed anything.
for _, kind in ipairs({ ':log:', ':entries:', ':steps:' }) do
  local copy, key = base .. kind .. ARGV[4], base .. kind .. runId
  if refusal then
    redis.call('DEL', copy)
  elseif kind ~= ':steps:' or redis.call('EXISTS', copy) == 1 then
    redis.call('RENAME', copy, key)
    redis.call('PERSIST', key)
  end
end
if refusal then
  return { refusal }
end
local first = 7 + tonumber(ARGV[6])
redis.call('HSET', run, 'state', 'RUN_STARTED', 'createdAt', ARGV[3], unpack(ARGV, 7, first - 1))
redis.call('ZADD', base .. ':active', ARGV[3], runId .. ' ' .. ARGV[3])
for index = first, #ARGV, 2 do
  addMessage(ARGV[index], ARGV[index + 1])
end
return { 'started' }
