-- Hands out what is to be tidied in the index of pending messages. The newest rows become a segment. Without any message
-- that has not ended, the index is emptied at once.
-- KEYS[1] hash: head of the index   KEYS[2] string: its rows   KEYS[3] BullMQ's counter of jobs   KEYS[4...6] lists of
-- waiting jobs and of those in flight, zset of delayed jobs
-- ARGV[1] no other process gets the same segments within this time, ms
-- ARGV[2] messages without a row are looked for when none was added for this time, ms: before, an API of an older version
-- is still at work
-- Returns the time, ms; what to say when these messages were found, '' not to look for any; and for each segment five: its
-- number, its rows, 0 if they are not sorted by columns, its interval, ms, the claim, with which it can be replaced, and its
-- columns of labels, '' if an earlier version has made it
-- @script pending-head

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local result = { string.format('%.0f', now), '' }
local missing = countMissing(KEYS[1], KEYS[3])
local pending = redis.call('LLEN', KEYS[4]) + redis.call('LLEN', KEYS[5]) + redis.call('ZCARD', KEYS[6])
if pending == 0 then
  redis.call('UNLINK', KEYS[2])
  eachSegment(KEYS[1], function(number)
    redis.call('UNLINK', segmentKey(KEYS[1], number))
    redis.call('HDEL', KEYS[1], SEGMENT .. number)
  end)
  if missing ~= 0 then
    countAdded(KEYS[1], missing)
  end
  redis.call('HDEL', KEYS[1], GAP)
  return result
end

if redis.call('EXISTS', KEYS[2]) == 1 then
  sealRows(KEYS[1], KEYS[2])
end
eachSegment(KEYS[1], function(number, rows, at, interval, labelColumns)
  if tonumber(at) <= now then
    local claim = string.format('%s %.0f %s', rows, now + ARGV[1], interval)
    if labelColumns ~= '' then
      claim = claim .. ' ' .. labelColumns
    end
    redis.call('HSET', KEYS[1], SEGMENT .. number, claim)
    for _, text in ipairs({ number, rows, interval, claim, labelColumns }) do
      result[#result + 1] = text
    end
  end
end)
if missing <= 0 then
  redis.call('HDEL', KEYS[1], GAP)
  return result
end
local gap = string.format('%.0f %.0f', missing, now)
local known, since = string.match(redis.call('HGET', KEYS[1], GAP) or '', '^(%d+) (%d+)$')
if tonumber(known) ~= missing then
  redis.call('HSET', KEYS[1], GAP, gap)
elseif now - since >= tonumber(ARGV[2]) then
  -- No other process begins to look while this one does.
  result[2] = string.format('%.0f %.0f', missing, now + ARGV[1])
  redis.call('HSET', KEYS[1], GAP, result[2])
end
return result
