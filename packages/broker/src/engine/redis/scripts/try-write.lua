-- Asks whether Redis takes a write from a script now: too few replicas, a right that is missing, or paused writes refuse it.
-- It changes nothing, so that nothing is written to the disk.
-- KEYS[1] a key that does not exist
return redis.call('DEL', KEYS[1])
