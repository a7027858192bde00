-- Notes which messages a schedule is about to publish, before they are: one of them may end before anything else is known.
-- KEYS[1] hash: the schedule, with a field for the state of each message of a trigger
-- ARGV[1...6] names of the fields of a schedule: definition, instant of creation, next time, until when it is paused,
-- last time that published, error
-- ARGV[7] instant of its creation, ms   ARGV[8] the time that is due, ms
-- ARGV[9] the value of 'until when it is paused' while it is paused   ARGV[10] the state of a message that has not ended
-- ARGV[11...] names of the fields of the messages
-- Returns 1; or 0, and nothing must be published, if the time was advanced already, or the schedule is paused, replaced or
-- removed.
local _, CREATED_AT, NEXT, PAUSED_UNTIL = unpack(ARGV, 1, 4)
local createdAt, due, PAUSED, IN_PROGRESS = unpack(ARGV, 7, 10)
local fields = redis.call('HMGET', KEYS[1], CREATED_AT, NEXT, PAUSED_UNTIL)
if fields[1] ~= createdAt or fields[2] ~= due or fields[3] == PAUSED then
  return 0
end
for index = 11, #ARGV do
  redis.call('HSETNX', KEYS[1], ARGV[index], IN_PROGRESS)
end
return 1
