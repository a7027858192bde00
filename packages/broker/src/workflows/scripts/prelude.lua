-- What all scripts of runs have in common. `run-scripts.ts` puts it in front of each, and BullMQ's texts in place of the
-- marks, where KEYS and ARGV are parameters.
-- KEYS[1...9] wait, paused, meta, id, completed, delayed, active, events, marker of the queue of the shard
-- KEYS[10] prefix of the keys of runs of the shard   KEYS[11] hash: head of the index of pending messages
-- ARGV[1] prefix of BullMQ's jobs   ARGV[2] run id   ARGV[3] when the run was created, ms; '' for whichever run has the
-- id now
-- @script pending-head
-- @script add-job

local base, runId = KEYS[10], ARGV[2]
local run = base .. ':state:' .. runId
local log = base .. ':log:' .. runId
local entries = base .. ':entries:' .. runId
local steps = base .. ':steps:' .. runId
local waiters = base .. ':waiters:' .. runId
local notes = base .. ':notes:' .. runId
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Whether the run is active.
local function isStarted()
  local fields = redis.call('HMGET', run, 'state', 'createdAt')
  return fields[1] == 'RUN_STARTED' and (ARGV[3] == '' or ARGV[3] == fields[2])
end

-- Appends the fields of the waiters of an event to a list. They may be more than Lua can unpack.
local function listWaiters(eventId, list)
  for _, name in ipairs(redis.call('HKEYS', waiters)) do
    if string.match(name, '^%d+:(.*)$') == eventId then
      list[#list + 1] = name
    end
  end
  return list
end

-- Field of a message of a run beside its data: its flow-control key, if it has one.
local FLOW_KEY = 'flowKey'

-- Stores a message. `head` is '<id> <timestamp, ms> <delay, ms>', and a blank and the flow-control key if it has one.
local function addMessage(head, data)
  local jobHead, id, flowKey = string.match(head, '^((%S+) %d+ %d+) ?(.*)$')
  addJob(KEYS, ARGV[1], jobHead, data)
  if flowKey ~= '' then
    redis.call('HSET', ARGV[1] .. id, FLOW_KEY, flowKey)
  end
  -- It needs no row: filters do not cancel messages of runs.
  countAdded(KEYS[11], 1)
end

-- Counts what the run stores beside its log: the descriptions of elements, which have their headers, and its waiters.
local function countBytes(bytes)
  redis.call('HINCRBY', run, 'otherBytes', bytes)
end

-- Appends an element to the log; gives the bytes before it and with it.
local function appendElement(messageId, element, description)
  local start = redis.call('APPEND', log, redis.call('EXISTS', log) == 1 and ',' or '[')
  local stop = redis.call('APPEND', log, element)
  countBytes(#description)
  redis.call('RPUSH', entries, string.format('%d %d %.0f %s %s', start, stop, now, messageId, description))
  return start, stop
end

-- Appends the elements of messages and stores these, each of six texts in ARGV from `first` on: what it is accepted for
-- once, its id, its element, the description of this, its head, its data up to the position in the log.
local function appendMessages(first, last)
  local ids = {}
  for index = first, last, 6 do
    local key, id, element, description, head, data = unpack(ARGV, index, index + 5)
    local known = key ~= '' and redis.call('HGET', steps, key)
    if known then
      ids[#ids + 1] = known
    else
      if key ~= '' then
        redis.call('HSET', steps, key, id)
      end
      if element ~= '' then
        local start, stop = appendElement(id, element, description)
        data = data .. string.format(',"start":%d,"end":%d}}]', start, stop)
      end
      if head ~= '' then
        addMessage(head, data)
      end
      ids[#ids + 1] = id
    end
  end
  return ids
end

-- Whether the run has no room for so many bytes and elements more.
local function isOverLimit(bytes, count, maxBytes, maxElements)
  bytes = bytes + redis.call('STRLEN', log) + tonumber(redis.call('HGET', run, 'otherBytes') or '0')
  count = count + redis.call('LLEN', entries)
  return bytes > tonumber(maxBytes) and 'bytes' or count > tonumber(maxElements) and 'steps'
end

-- Bytes and number of the elements in ARGV from `first` on that were not accepted before.
local function measureNew(first, last)
  local bytes, count = 0, 0
  for index = first, last, 6 do
    local isNew = ARGV[index] == '' or redis.call('HEXISTS', steps, ARGV[index]) == 0
    if isNew and ARGV[index + 2] ~= '' then
      bytes = bytes + #ARGV[index + 2] + #ARGV[index + 3]
      count = count + 1
    end
  end
  return bytes, count
end
