-- Notes which messages a schedule is about to publish, before they are: one of them may end before anything else is known.
-- KEYS[1] hash: the schedule; '<time>:<message id>' is the state of a message of the trigger at that time
-- ARGV[1] instant of its creation, ms   ARGV[2] the time that is due, ms   ARGV[3...] ids of messages
-- Returns 0, and nothing must be published, if somebody else has been there, or it is paused, replaced or removed; else 1.
local fields = redis.call('HMGET', KEYS[1], 'createdAt', 'next', 'pausedUntil')
if fields[1] ~= ARGV[1] or fields[2] ~= ARGV[2] or fields[3] == 'inf' then
  return 0
end
for index = 3, #ARGV do
  redis.call('HSETNX', KEYS[1], ARGV[2] .. ':' .. ARGV[index], 'IN_PROGRESS')
end
return 1
