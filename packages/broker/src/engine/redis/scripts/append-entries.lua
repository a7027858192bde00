-- Appends records to the list of all log entries. The list is cut into segments, so that what is old can go as a
-- whole: a new one begins when the newest is full, or when a sixteenth of the retention has passed since it began.
-- KEYS[1] string: number of the newest segment
-- ARGV[1] prefix of the segments' keys (strings)   ARGV[2] bytes after which a segment is full   ARGV[3] retention, ms
-- ARGV[4] the records
-- Returns the number of the segment.
local head = redis.call('GET', KEYS[1]) or '0'
local segment = ARGV[1] .. head
-- A segment that is not there has less than no time to live.
local isNew = redis.call('PTTL', segment) < tonumber(ARGV[3]) or redis.call('STRLEN', segment) >= tonumber(ARGV[2])
if isNew then
  head = redis.call('INCR', KEYS[1])
  segment = ARGV[1] .. head
end
redis.call('APPEND', segment, ARGV[4])
if isNew then
  redis.call('PEXPIRE', segment, math.ceil(ARGV[3] * 17 / 16))
end
return tonumber(head)
