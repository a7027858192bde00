-- Says which messages have one of these texts in what is stored of them: in their job, or in their log once they have ended.
-- KEYS for each message two: its job, its log
-- ARGV[1] field of a job   ARGV[2] field of a log   ARGV[3...] the texts
-- Returns a text with a character for each message: 1 if it has one, or if nothing is stored of it, else 0.
local result = {}
for index = 1, #KEYS, 2 do
  local stored = redis.call('HGET', KEYS[index], ARGV[1]) or redis.call('HGET', KEYS[index + 1], ARGV[2])
  local has = not stored
  for text = 3, #ARGV do
    has = has or string.find(stored, ARGV[text], 1, true) ~= nil
  end
  result[#result + 1] = has and '1' or '0'
end
return table.concat(result)
