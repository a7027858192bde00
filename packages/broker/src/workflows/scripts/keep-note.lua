-- Keeps data of an event for a run in which nothing waits for it yet.
-- ARGV[6] event id   ARGV[7] the data   ARGV[8] maximum texts that a run keeps   ARGV[9] maximum bytes of them
-- Returns 'over'; 'kept'; 'full'; or 'waits' and the fields of the waiters that are there, and nothing was kept.
if not isStarted() then
  return { 'over' }
end
local found = {}
for _, name in ipairs(redis.call('HKEYS', waiters)) do
  if string.match(name, '^%d+:(.*)$') == ARGV[6] then
    found[#found + 1] = name
  end
end
if #found > 0 then
  return { 'waits', unpack(found) }
end
local bytes = #ARGV[7] + tonumber(redis.call('HGET', run, 'noteBytes') or '0')
if redis.call('HLEN', notes) >= tonumber(ARGV[8]) or bytes > tonumber(ARGV[9]) then
  return { 'full' }
end
redis.call('HSET', run, 'noteBytes', bytes)
redis.call('HSET', notes, redis.call('HINCRBY', run, 'notes', 1) .. ':' .. ARGV[6], ARGV[7])
return { 'kept' }
