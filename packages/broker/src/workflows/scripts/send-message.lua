-- Stores a message of a run that is not in its log, and notes it in a field of the run.
-- ARGV[6] its head   ARGV[7] its data   ARGV[8] field   ARGV[9] its value   ARGV[10] the value that was read before
-- Returns 'sent', or 'changed' if the field has another value now.
if redis.call('HGET', run, ARGV[8]) ~= ARGV[10] then
  return { 'changed' }
end
redis.call('HSET', run, ARGV[8], ARGV[9])
addMessage(ARGV[6], ARGV[7])
return { 'sent' }
