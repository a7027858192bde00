-- One step of a lane: a named queue, or a flow-control key. A lane has slots (holders: message id to the end of its lease)
-- and messages that wait for one (waiters: message id to its position). '+<id>' among the holders was granted a slot and
-- has not started. Every step is safe to repeat, and ends by granting what has become free, the oldest waiter first.
-- KEYS[1] hash: state   KEYS[2] zset: holders   KEYS[3] zset: waiters   KEYS[4] zset: busy lanes of the shard, by the
-- time of their last step   KEYS[5] zset: flow-control keys of the shard, by the time after which they are forgotten;
-- '+inf' for those that are paused or pinned
-- KEYS[6] set: of a message in a queue, what must end before its slot is free   KEYS[7] zset: delayed messages of a queue,
-- which enter it when they are due: the time when that is, and as its fraction the order in which they were accepted
-- ARGV[1] step: 'delay' the message, until ARGV[5]; 'enter' wait for a slot; 'acquire' the same, and the attempt begins;
-- 'renew' its lease; 'release' the slot after an attempt; 'leave'; 'revoke' a slot that was granted to a message which does
-- not exist; 'grant' what is free; 'hold' the slot until more than the message has ended   ARGV[2] name of the lane
-- ARGV[3] message id   ARGV[4] lease, ms; 0: none   ARGV[5] part that has ended, for 'leave' and 'hold'   ARGV[6] memory of
-- an idle key, ms; 0: it is never forgotten   ARGV[7...15] names of the fields of the state: parallelism, rate, period,
-- start of the window, starts in it, paused, pinned parallelism, pinned rate, last position
-- ARGV[16...18] parallelism, rate, period in seconds that the message asks for; '' for none; missing: they stay
-- ARGV[19] '1': these limits count only if the key has none. So it is when an attempt begins, for those of a later message
-- may have replaced them, and for a message that may be a duplicate.
-- Returns whether the message has a slot, the ms after which it should ask again (-1: it will be woken), whether the key
-- keeps other limits than the message asks for, and the ids of the messages that have to be woken.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local step, lane, id, lease, part = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local leaseEnd = lease > 0 and now + lease or '+inf'
local PARALLELISM, RATE, PERIOD, WINDOW_START, RATE_COUNT, PAUSED, PINNED_PARALLELISM, PINNED_RATE, LAST_POSITION =
  unpack(ARGV, 7, 15)

local keepsOther = 0
if #ARGV > 15 then
  local known = redis.call('HMGET', KEYS[1], PINNED_PARALLELISM, PINNED_RATE, PARALLELISM, RATE, PERIOD)
  -- A pinned limit says nothing of whether the key has others.
  local hasLimits = known[3] and not known[1] or known[4] and not known[2]
  local counts = ARGV[19] ~= '1' or not hasLimits
  if not known[1] then
    if counts then
      redis.call('HSET', KEYS[1], PARALLELISM, ARGV[16])
    elseif (known[3] or '') ~= ARGV[16] then
      keepsOther = 1
    end
  end
  if not known[2] then
    if counts then
      redis.call('HSET', KEYS[1], RATE, ARGV[17], PERIOD, ARGV[18])
    elseif (known[4] or '') ~= ARGV[17] or (known[5] or '1') ~= ARGV[18] then
      keepsOther = 1
    end
  end
end
local state = redis.call('HMGET', KEYS[1], PARALLELISM, RATE, PERIOD, WINDOW_START, RATE_COUNT, PAUSED)
local parallelism, rate, period = tonumber(state[1] or ''), tonumber(state[2] or ''), tonumber(state[3] or '1') * 1000
local windowStart, rateCount, paused = tonumber(state[4] or '0'), tonumber(state[5] or '0'), state[6] == '1'

-- A queue that was removed while messages were on their way to it.
if lease == 0 and not parallelism then
  parallelism = 1
end

local function takeRate()
  if not rate then
    return true
  end
  -- A window that has not begun was written by a clock that was wrong.
  if now >= windowStart + period or now < windowStart then
    windowStart, rateCount = now, 0
  end
  if rateCount >= rate then
    return false
  end
  rateCount = rateCount + 1
  redis.call('HSET', KEYS[1], WINDOW_START, windowStart, RATE_COUNT, rateCount)
  return true
end

-- Gives back the unit of a message that was granted a slot and makes no attempt with it, unless its window is over. A
-- window in which nothing counts any more has not begun.
local function giveBackRate(endOfGrant)
  local grantedAt = tonumber(endOfGrant) - lease
  if not rate or rateCount < 1 or grantedAt < windowStart or now >= windowStart + period then
    return
  end
  rateCount = rateCount - 1
  windowStart = rateCount > 0 and windowStart or 0
  redis.call('HSET', KEYS[1], WINDOW_START, windowStart, RATE_COUNT, rateCount)
end

-- The message no longer needs the slot that it may have been granted.
local function takeBackGrant()
  local endOfGrant = rate and redis.call('ZSCORE', KEYS[2], '+' .. id)
  if endOfGrant then
    giveBackRate(endOfGrant)
  end
  redis.call('ZREM', KEYS[2], '+' .. id)
end

local function grant()
  local granted = {}
  local free = parallelism and parallelism - redis.call('ZCARD', KEYS[2]) or math.huge
  while not paused and free > 0 do
    local waiter = redis.call('ZRANGE', KEYS[3], 0, 0)[1]
    if not waiter or not takeRate() then
      break
    end
    redis.call('ZREM', KEYS[3], waiter)
    redis.call('ZADD', KEYS[2], leaseEnd, '+' .. waiter)
    granted[#granted + 1] = waiter
    free = free - 1
  end
  return granted
end

-- Messages that enter a queue in one step when they are due. More have their turn in the next steps.
local MOST_DUE = 1000
-- Of messages for one instant, so many are told from each other. More are in the order of their ids, which begin with a time.
local ORDERS = 4096

-- The message enters its queue when it is due, behind those that are due at the same instant.
local function delay(dueAt)
  local before = string.format('(%.0f', dueAt + 1)
  local last = redis.call('ZREVRANGEBYSCORE', KEYS[7], before, dueAt, 'WITHSCORES', 'LIMIT', 0, 1)[2]
  local score = last and math.min(tonumber(last) + 1 / ORDERS, dueAt + 1 - 1 / ORDERS) or dueAt
  redis.call('ZADD', KEYS[7], string.format('%.17g', score), id)
end

-- A queue takes what is due before anything else happens, in the order in which it was due, and then accepted: no message
-- loses its place because its own dispatcher is slow. By the clock of a dispatcher, its message may be due a little earlier.
local function takeDue()
  local ownDue = (step == 'enter' or step == 'acquire') and redis.call('ZSCORE', KEYS[7], id)
  local before = string.format('(%.0f', math.floor(math.max(now, tonumber(ownDue or '0'))) + 1)
  for _, due in ipairs(redis.call('ZRANGEBYSCORE', KEYS[7], '-inf', before, 'LIMIT', 0, MOST_DUE)) do
    redis.call('ZREM', KEYS[7], due)
    local holds = redis.call('ZSCORE', KEYS[2], due) or redis.call('ZSCORE', KEYS[2], '+' .. due)
    if not holds and not redis.call('ZSCORE', KEYS[3], due) then
      redis.call('ZADD', KEYS[3], redis.call('HINCRBY', KEYS[1], LAST_POSITION, 1), due)
    end
  end
end

if lease == 0 and step ~= 'delay' then
  takeDue()
end
if lease > 0 then
  local ended = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'WITHSCORES')
  for index = 1, #ended, 2 do
    local holder = ended[index]
    redis.call('ZREM', KEYS[2], holder)
    -- It was granted a slot and never woke up: it is the first to get another one.
    if string.sub(holder, 1, 1) == '+' then
      giveBackRate(ended[index + 1])
      redis.call('ZADD', KEYS[3], 0, string.sub(holder, 2))
    end
  end
end

local has, wait, woken = 0, -1, {}
if step == 'delay' then
  delay(math.floor(tonumber(part)))
elseif step == 'hold' then
  redis.call('SADD', KEYS[6], id, part)
elseif step == 'release' then
  -- Do not remove it from the waiters: it may have lost this slot and be waiting for another.
  redis.call('ZREM', KEYS[2], id)
  woken = grant()
elseif step == 'revoke' then
  -- If the message appears after all, it asks again when it starts.
  takeBackGrant()
  woken = grant()
elseif step == 'leave' then
  redis.call('SREM', KEYS[6], part)
  if redis.call('SCARD', KEYS[6]) == 0 then
    takeBackGrant()
    redis.call('ZREM', KEYS[2], id)
    redis.call('ZREM', KEYS[3], id)
    if lease == 0 then
      redis.call('ZREM', KEYS[7], id)
    end
  end
  woken = grant()
elseif step == 'grant' then
  woken = grant()
elseif step == 'renew' then
  redis.call('ZADD', KEYS[2], 'XX', leaseEnd, id)
  has = 1
elseif redis.call('ZSCORE', KEYS[2], '+' .. id) then
  has = (paused and step == 'acquire') and 0 or 1
  wait = 1000
elseif redis.call('ZSCORE', KEYS[2], id) then
  -- It goes on after a retry or a crash: another attempt, but the same slot.
  if step == 'enter' then
    has = 1
  elseif paused then
    wait = 1000
  elseif takeRate() then
    has = 1
  else
    wait = windowStart + period - now
  end
else
  -- Where more messages are due than enter at once, it is still among them.
  local isDue = lease == 0 and redis.call('ZSCORE', KEYS[7], id)
  if not isDue and not redis.call('ZSCORE', KEYS[3], id) then
    redis.call('ZADD', KEYS[3], redis.call('HINCRBY', KEYS[1], LAST_POSITION, 1), id)
  end
  for _, granted in ipairs(grant()) do
    if granted == id then
      has = 1
    else
      woken[#woken + 1] = granted
    end
  end
  if has == 0 and rate and not paused and rateCount >= rate then
    local before = redis.call('ZRANK', KEYS[3], id)
    wait = windowStart + period - now + math.floor(before / rate) * period
  end
end
if has == 1 and step == 'acquire' then
  redis.call('ZREM', KEYS[2], '+' .. id)
  redis.call('ZADD', KEYS[2], leaseEnd, id)
end

local isIdle = redis.call('ZCARD', KEYS[3]) == 0 and redis.call('ZCARD', KEYS[2]) == 0
if isIdle then
  redis.call('ZREM', KEYS[4], lane)
else
  redis.call('ZADD', KEYS[4], now, lane)
end
local memory = tonumber(ARGV[6])
if memory > 0 then
  local kept = redis.call('HMGET', KEYS[1], PAUSED, PINNED_PARALLELISM, PINNED_RATE)
  local isHeld = kept[1] == '1' or kept[2] or kept[3]
  if isHeld or not isIdle then
    redis.call('PERSIST', KEYS[1])
    -- A key with messages is kept as well, but is not counted among those that somebody has to release.
    redis.call('ZADD', KEYS[5], isHeld and '+inf' or '9007199254740991', lane)
  elseif redis.call('EXISTS', KEYS[1]) == 1 then
    local forgottenAt = math.max(now + memory, windowStart + period)
    redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', forgottenAt))
    redis.call('ZADD', KEYS[5], forgottenAt, lane)
  else
    redis.call('ZREM', KEYS[5], lane)
  end
end
local result = { has, wait, keepsOther }
for _, waiter in ipairs(woken) do
  result[#result + 1] = waiter
end
return result
