-- Adds counts to the minute and to the hour of now. A record is a text of numbers with commas; missing ones are 0.
-- KEYS[1] prefix of the keys of statistics
-- ARGV[1...] in sevens: the group, the value, the maximum of values of the group in a day, '1' to count per minute as well
-- as per hour ('' for hours alone), the counts of the value, its durations by bucket ('' for none), and JSON of the last
-- delivery and the last error of a host ('' for none)
-- Returns nothing.
local now = tonumber(redis.call('TIME')[1])
local minute = math.floor(now / 60)
local hour = math.floor(minute / 60)
local day = math.floor(hour / 24)
local prefix = KEYS[1]
local dayMs = 86400000

local function split(text)
  local numbers = {}
  for number in string.gmatch(text, '%d+') do
    numbers[#numbers + 1] = tonumber(number)
  end
  return numbers
end

local function add(key, field, text, keepMs)
  local sum = split(text)
  local before = redis.call('HGET', key, field)
  if before then
    for index, number in ipairs(split(before)) do
      sum[index] = (sum[index] or 0) + number
    end
  end
  for index, number in ipairs(sum) do
    sum[index] = string.format('%.0f', number)
  end
  redis.call('HSET', key, field, table.concat(sum, ','))
  if redis.call('PTTL', key) < 0 then
    redis.call('PEXPIRE', key, keepMs)
  end
end

for index = 1, #ARGV, 7 do
  local group, value, maxValues, hasMinutes, counts, durations, last = unpack(ARGV, index, index + 6)
  local values = prefix .. 'k:' .. group .. ':' .. day
  local isKnown = true
  if redis.call('SADD', values, value) == 1 then
    redis.call('PEXPIRE', values, 32 * dayMs)
    if redis.call('SCARD', values) > tonumber(maxValues) then
      redis.call('SREM', values, value)
      isKnown = false
    end
  end
  if isKnown then
    if hasMinutes == '1' then
      add(prefix .. 'h:' .. group .. ':' .. hour .. ':' .. value, minute, counts, 2 * dayMs + 7200000)
    end
    local record = durations == '' and counts or counts .. ',' .. durations
    add(prefix .. 'd:' .. group .. ':' .. day .. ':' .. value, hour, record, 32 * dayMs)
    if last ~= '' then
      local lasts = prefix .. 'l:' .. day
      for kind, text in pairs(cjson.decode(last)) do
        redis.call('HSET', lasts, kind .. ':' .. value, text)
      end
      redis.call('PEXPIRE', lasts, 32 * dayMs)
    end
  end
end
