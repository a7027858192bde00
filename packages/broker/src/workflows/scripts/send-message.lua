-- Stores a message of a run that is not in its log, and notes it in a field of the run.
-- ARGV[4] its head   ARGV[5] its data   ARGV[6] field   ARGV[7] its value   ARGV[8] the value that was read before
-- Returns 'sent', or 'changed' if the field has another value now.
if redis.call('HGET', run, ARGV[6]) ~= ARGV[8] then
  return { 'changed' }
end
redis.call('HSET', run, ARGV[6], ARGV[7])
addMessage(ARGV[4], ARGV[5])
return { 'sent' }
