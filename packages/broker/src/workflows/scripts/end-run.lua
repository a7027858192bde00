-- Ends a run, once, and takes its messages, waiters and kept data away.
-- ARGV[4] its last state   ARGV[5] how long it is remembered, ms   ARGV[6] shard   ARGV[7] number of shards: a run that has
-- failed gets a dead letter
-- ARGV[8] name of the field of a message that says that it is canceled   ARGV[9] the data that replaces that of a
-- waiting message   ARGV[10] the data that replaces that of a message in flight
-- ARGV[11] number of texts that follow: names and values of more fields
-- ARGV[12...] these, and the head and the data of the message that reports the failure, if there is one
-- Returns 'unknown'; 'over' and the last state; or 'ended', the time of creation, the id of the dead letter, and id and
-- flow-control key of each message that has one, was taken out and is not in flight.
local CANCELED, waitingData, inFlightData = unpack(ARGV, 8, 10)

-- Takes a message out that has not been delivered. One in flight goes on, and is not tried again. Gives its flow-control
-- key if it has one and was not in flight.
local function cancelMessage(id)
  local key = ARGV[1] .. id
  local flowKey = redis.call('HGET', key, FLOW_KEY)
  if redis.call('HEXISTS', key, 'data') == 0 or redis.call('HEXISTS', key, CANCELED) == 1 then
    return nil
  end
  if redis.call('ZREM', KEYS[6], id) == 1 then
    redis.call('DEL', key)
    return flowKey
  end
  if redis.call('EXISTS', key .. ':lock') == 1 then
    redis.call('HSET', key, CANCELED, 1, 'data', inFlightData)
    return nil
  end
  redis.call('HSET', key, CANCELED, 1, 'data', waitingData)
  return flowKey
end

local fields = redis.call('HMGET', run, 'state', 'createdAt', 'invoker')
local state, createdAt, invoker = fields[1], fields[2], fields[3]
if not state or (ARGV[3] ~= '' and ARGV[3] ~= createdAt) then
  return { 'unknown' }
end
if state ~= 'RUN_STARTED' then
  return { 'over', state }
end
local name = runId .. ' ' .. createdAt
redis.call('HSET', run, 'state', ARGV[4], 'completedAt', string.format('%.0f', now))
local first = 12 + tonumber(ARGV[11])
if first > 12 then
  redis.call('HSET', run, unpack(ARGV, 12, first - 1))
end

local result = { 'ended', createdAt, '' }
if ARGV[4] == 'RUN_FAILED' then
  local n = tonumber(ARGV[6])
  local dlqId = string.format('%.0f-%d', now, n)
  while redis.call('HEXISTS', base .. ':dlq-runs', dlqId) == 1 do
    n = n + tonumber(ARGV[7])
    dlqId = string.format('%.0f-%d', now, n)
  end
  redis.call('HSET', run, 'dlqId', dlqId)
  redis.call('HSET', base .. ':dlq-runs', dlqId, name)
  redis.call('ZADD', base .. ':dlq', now, dlqId)
  result[3] = dlqId
end

local taken = {}
-- A piece at a time: each element may have many headers.
for from = 0, redis.call('LLEN', entries) - 1, 100 do
  for _, entry in ipairs(redis.call('LRANGE', entries, from, from + 99)) do
    taken[#taken + 1] = string.match(entry, '^%d+ %d+ %d+ (%S+)')
  end
end
for _, field in ipairs(redis.call('HKEYS', waiters)) do
  -- The step was accepted with the id of the message of its deadline.
  taken[#taken + 1] = redis.call('HGET', steps, 'wait:' .. string.match(field, '^[^:]*')) or nil
end
local pending = {}
for _, id in ipairs(taken) do
  if #pending < 100 and redis.call('EXISTS', ARGV[1] .. id) == 1 then
    pending[#pending + 1] = id
  end
  local flowKey = cancelMessage(id)
  if flowKey then
    result[#result + 1] = id
    result[#result + 1] = flowKey
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
redis.call('ZADD', base .. ':expiry', now + tonumber(ARGV[5]), name)
if invoker then
  redis.call('ZADD', base .. ':unreported', now, name)
end
for _, key in ipairs({ run, log, entries }) do
  redis.call('PEXPIRE', key, ARGV[5])
end
return result
