-- Cancels messages: a delayed one is removed at once. To take one out of the middle of the waiting list would cost time
-- in proportion to its length; instead its data is replaced, and the worker that comes to it drops it. So is that of a
-- message in flight, whose attempt goes on: its dispatcher looks before it would try again.
-- KEYS[1] zset of BullMQ's delayed jobs
-- ARGV[1] prefix of BullMQ's jobs   ARGV[2] prefix of the logs   ARGV[3] now, ms   ARGV[4] retention of the logs, ms
-- ARGV[5...] ids of messages
-- Returns for each id three: whether it was canceled now, whether an attempt is in flight, and the message as it was.
local result = {}
for index = 5, #ARGV do
  local id = ARGV[index]
  local job = ARGV[1] .. id
  local data = redis.call('HGET', job, 'data')
  result[index - 4] = { 0, 0, '' }
  -- Messages of workflows end with their runs.
  local isOfRun = data and string.find(data, '"workflow":{"runId":', 1, true)
  if data and not isOfRun and redis.call('HEXISTS', job, 'canceled') == 0 then
    -- Quotes inside of a text are escaped in JSON: what a publisher sends cannot look like this.
    local body = string.match(data, '"body":{"kind":"stored","key":"(msg_%w+)"}')
    local inFlight = redis.call('EXISTS', job .. ':lock') == 1
    result[index - 4] = { 1, inFlight and 1 or 0, data }
    if redis.call('ZREM', KEYS[1], id) == 1 then
      redis.call('DEL', job)
    elseif inFlight then
      local key = body and ',"bodyKey":"' .. body .. '"' or ''
      redis.call('HSET', job, 'canceled', 1, 'data', '{"canceled":"in flight"' .. key .. '}')
    else
      redis.call('HSET', job, 'canceled', 1, 'data', '{"canceled":"waiting"}')
    end
    local history = ARGV[2] .. id
    redis.call('HSET', history, 'created', data, 'cancel-requested', ARGV[3])
    if not inFlight then
      redis.call('HSET', history, 'canceled', ARGV[3])
    end
    redis.call('PEXPIRE', history, ARGV[4])
  end
end
return result
