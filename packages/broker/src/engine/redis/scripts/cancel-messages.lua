-- Cancels messages: a delayed one is removed at once. To take one out of the middle of the waiting list would cost time
-- in proportion to its length; instead its data is replaced, and the worker that comes to it drops it. So is that of a
-- message in flight, whose attempt goes on: its dispatcher looks before it would try again.
-- KEYS[1] zset of BullMQ's delayed jobs
-- ARGV[1] prefix of BullMQ's jobs   ARGV[2] prefix of the logs   ARGV[3] now, ms   ARGV[4] retention of the logs, ms
-- ARGV[5...8] names of fields: of a job, that it is canceled; of a log, what the message was, that its cancellation was
-- requested, that it is canceled
-- ARGV[9] the data that replaces that of a waiting message   ARGV[10...] for each message three: its id, the data that
-- replaces its own while an attempt is in flight, and what the message was, for its log
-- Returns for each message 0 it does not exist or was canceled before, 1 canceled now, 2 the same with an attempt in
-- flight.
local jobs, logs, now, retention = unpack(ARGV, 1, 4)
local CANCELED, CREATED, LOGGED_REQUEST, LOGGED_CANCEL = unpack(ARGV, 5, 8)
local result = {}
for index = 10, #ARGV, 3 do
  local id = ARGV[index]
  local job = jobs .. id
  if redis.call('HEXISTS', job, 'data') == 0 or redis.call('HEXISTS', job, CANCELED) == 1 then
    result[#result + 1] = 0
  else
    local inFlight = redis.call('EXISTS', job .. ':lock') == 1
    if redis.call('ZREM', KEYS[1], id) == 1 then
      redis.call('DEL', job)
    else
      redis.call('HSET', job, CANCELED, 1, 'data', inFlight and ARGV[index + 1] or ARGV[9])
    end
    local log = logs .. id
    redis.call('HSET', log, CREATED, ARGV[index + 2], LOGGED_REQUEST, now)
    if not inFlight then
      redis.call('HSET', log, LOGGED_CANCEL, now)
    end
    redis.call('PEXPIRE', log, retention)
    result[#result + 1] = inFlight and 2 or 1
  end
end
return result
