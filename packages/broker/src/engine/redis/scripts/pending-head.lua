-- The head of the index of pending messages, a hash: names of its fields, and what more than one script does with it.
-- `scripts.ts` puts this in place of a mark.
-- ADDED  messages that were added with a row, and those of runs, which need none
-- NEWEST  number of the newest segment
-- GAP  '<messages that were added without a row> <since when there are so many, ms>'; missing if all have one
-- SEGMENT .. '<number>'  '<rows> <when it is tidied next, ms> <its interval, ms> <columns of labels>'; 0 rows if they are not
-- sorted by columns; earlier versions had one column of labels, and leave out the last
local ADDED, NEWEST, GAP, SEGMENT = 'added', 'newest', 'gap', 'segment:'

local function countAdded(head, count)
  redis.call('HINCRBY', head, ADDED, count)
end

-- Messages that have no row: BullMQ counts all that are added, whichever version of posthorn adds them.
local function countMissing(head, counter)
  return tonumber(redis.call('GET', counter) or '0') - tonumber(redis.call('HGET', head, ADDED) or '0')
end

-- The key of a segment.
local function segmentKey(head, number)
  return head .. ':' .. number
end

-- Makes a segment of the newest rows, which is tidied as soon as possible.
local function sealRows(head, rows)
  local number = redis.call('HINCRBY', head, NEWEST, 1)
  redis.call('RENAME', rows, segmentKey(head, number))
  redis.call('HSET', head, SEGMENT .. number, '0 0 0')
end

-- Calls `visit` with number, rows, time, interval and columns of labels of each segment.
local function eachSegment(head, visit)
  local fields = redis.call('HGETALL', head)
  for index = 1, #fields, 2 do
    local number = string.match(fields[index], '^' .. SEGMENT .. '(%d+)$')
    if number then
      visit(number, string.match(fields[index + 1], '^(%d+) (%d+) (%d+) ?(%d*)$'))
    end
  end
end
