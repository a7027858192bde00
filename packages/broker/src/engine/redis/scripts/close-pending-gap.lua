-- The index of pending messages has a row for every message that was added without one, if none was added since.
-- KEYS[1] hash: head of the index
-- ARGV[1] what `claim-pending.lua` said
-- Returns 1; 0 if more was added, or another process looks for them now.
-- @script pending-head

if redis.call('HGET', KEYS[1], GAP) ~= ARGV[1] then
  return 0
end
countAdded(KEYS[1], string.match(ARGV[1], '^%d+'))
redis.call('HDEL', KEYS[1], GAP)
return 1
