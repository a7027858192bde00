-- Begins a run with its first message, or does nothing if a run with its id is active.
-- ARGV[4] 'new'; 'restart': the id was made for this run, which exists once, also after its end; or 'adopt': the endpoint
-- starts a run that was begun without an SDK, with one
-- ARGV[5] most active runs in this shard   ARGV[6] number of texts that follow: names and values of the fields of the run
-- ARGV[7...] these, and the message as six texts, as in `appendMessages`
-- Returns 'started', 'known' or 'refused', and the id of the first message; 'full'; or 'over', if there is nothing to adopt.
local fields = redis.call('HMGET', run, 'state', 'createdAt', 'phase', 'initId')
local state, createdAt, phase, initId = fields[1], fields[2], fields[3], fields[4]
local first = 7 + tonumber(ARGV[6])
local isAdopted = false
if ARGV[4] == 'adopt' then
  if not isStarted() then
    return { 'over' }
  end
  if phase ~= 'unknown' then
    return { 'known', initId }
  end
  isAdopted = true
  redis.call('DEL', log, entries)
  redis.call('HDEL', run, 'otherBytes')
elseif state == 'RUN_STARTED' or (state and ARGV[4] == 'restart') then
  return { 'known', initId }
end
if not isAdopted then
  if redis.call('ZCARD', base .. ':active') >= tonumber(ARGV[5]) then
    return { 'full' }
  end
  if state then
    -- The earlier run keeps its records under another name.
    local name = runId .. ' ' .. createdAt
    redis.call('RENAME', run, base .. ':state:' .. name)
    if redis.call('EXISTS', log) == 1 then
      redis.call('RENAME', log, base .. ':log:' .. name)
      redis.call('RENAME', entries, base .. ':entries:' .. name)
    end
    -- By this its log is found.
    redis.call('HSET', run, 'earlier', createdAt)
  end
  redis.call('HSET', run, 'state', 'RUN_STARTED', 'createdAt', ARGV[3])
  redis.call('ZADD', base .. ':active', ARGV[3], runId .. ' ' .. ARGV[3])
end
redis.call('HSET', run, unpack(ARGV, 7, first - 1))
local ids = appendMessages(first, first + 5)
redis.call('HSET', run, 'initId', ids[1])
return { 'started', ids[1] }
