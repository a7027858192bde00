-- Begins a run whose log was copied from another one, and delivers some of its messages again.
-- ARGV[6] name of the copy of the log   ARGV[7] most active runs in this shard   ARGV[8] number of texts that follow:
-- names and values of fields of the run
-- ARGV[9...] these, then head and data of each message
-- Returns 'started'; or 'known' or 'full', and the copy is gone.
local refusal
if redis.call('EXISTS', run) == 1 then
  refusal = 'known'
elseif redis.call('ZCARD', base .. ':active') >= tonumber(ARGV[7]) then
  refusal = 'full'
end
-- The log comes first: it expires first, and then the script fails before it has changed anything.
for _, kind in ipairs({ ':log:', ':entries:', ':steps:' }) do
  local copy, key = base .. kind .. ARGV[6], base .. kind .. runId
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
local first = 9 + tonumber(ARGV[8])
redis.call('HSET', run, 'state', 'RUN_STARTED', 'createdAt', ARGV[5], unpack(ARGV, 9, first - 1))
redis.call('ZADD', base .. ':active', ARGV[5], runId .. ' ' .. ARGV[5])
for index = first, #ARGV, 2 do
  addMessage(ARGV[index], ARGV[index + 1])
end
return { 'started' }
