-- Ends a run, once, and takes its messages, waiters and kept data away.
-- ARGV[6] its last state   ARGV[7] how long it is remembered, ms   ARGV[8] shard   ARGV[9] number of shards: a run that has
-- failed gets a dead letter   ARGV[10] number of texts that follow: names and values of more fields
-- ARGV[11...] these, and the head and the data of the message that reports the failure, if there is one
-- Returns 'unknown'; 'over' and the last state; or 'ended', the time of creation, the id of the dead letter, and id and
-- data of each message that was taken out and is not in flight.
local fields = redis.call('HMGET', run, 'state', 'createdAt', 'invoker')
local state, createdAt, invoker = fields[1], fields[2], fields[3]
if not state or (ARGV[5] ~= '' and ARGV[5] ~= createdAt) then
  return { 'unknown' }
end
if state ~= 'RUN_STARTED' then
  return { 'over', state }
end
local name = runId .. ' ' .. createdAt
redis.call('HSET', run, 'state', ARGV[6], 'completedAt', string.format('%.0f', now))
local first = 11 + tonumber(ARGV[10])
if first > 11 then
  redis.call('HSET', run, unpack(ARGV, 11, first - 1))
end

local result = { 'ended', createdAt, '' }
if ARGV[6] == 'RUN_FAILED' then
  local n = tonumber(ARGV[8])
  local dlqId = string.format('%.0f-%d', now, n)
  while redis.call('HEXISTS', base .. ':dlq-runs', dlqId) == 1 do
    n = n + tonumber(ARGV[9])
    dlqId = string.format('%.0f-%d', now, n)
  end
  redis.call('HSET', run, 'dlqId', dlqId)
  redis.call('HSET', base .. ':dlq-runs', dlqId, name)
  redis.call('ZADD', base .. ':dlq', now, dlqId)
  result[3] = dlqId
end

local taken = redis.call('LRANGE', entries, 0, -1)
for _, text in ipairs(redis.call('HVALS', waiters)) do
  taken[#taken + 1] = '0 0 0 ' .. string.match(text, '^%S+')
end
local pending = {}
for _, entry in ipairs(taken) do
  local id = string.match(entry, '^%d+ %d+ %d+ (%S+)')
  if #pending < 100 and redis.call('EXISTS', ARGV[1] .. id) == 1 then
    pending[#pending + 1] = id
  end
  local data = cancelMessage(id)
  if data then
    result[#result + 1] = id
    result[#result + 1] = data
  end
end
-- What the log shows as not done.
redis.call('HSET', run, 'pending', table.concat(pending, ' '))
redis.call('DEL', steps, waiters, notes)
if ARGV[first] then
  addMessage(ARGV[first], ARGV[first + 1])
end

redis.call('ZREM', base .. ':active', name)
redis.call('ZADD', base .. ':ended', createdAt, name)
redis.call('ZADD', base .. ':expiry', now + tonumber(ARGV[7]), name)
if invoker then
  redis.call('ZADD', base .. ':unreported', now, name)
end
for _, key in ipairs({ run, log, entries }) do
  redis.call('PEXPIRE', key, ARGV[7])
end
return result
