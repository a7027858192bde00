-- Stands in BullMQ's scripts where they hand a job to a worker (`sayWhenLast` in `scripts.ts`). Where more jobs wait,
-- the marker wakes another worker, as in BullMQ. With the last one the marker is removed, because a worker that it
-- wakes would find nothing; the next job that is added sets it again. The fourth value, which BullMQ leaves at 0, is
-- then the time, ms, at which a worker must look for the next delayed job; without any, it looks in ten seconds, the
-- longest BullMQ blocks. BullMQ sorts delayed jobs by ms * SCORE_PER_MS and a counter.
local SCORE_PER_MS = 4096
local MAX_BLOCK_MS = 10000
local lookAt = 0
if rcall("LLEN", keyPrefix .. "wait") > 0 then
  addBaseMarkerIfNeeded(markerKey, false)
else
  rcall("ZREM", markerKey, "0")
  local nextDelayed = rcall("ZRANGE", keyPrefix .. "delayed", 0, 0, "WITHSCORES")
  lookAt = nextDelayed[2] and tonumber(nextDelayed[2]) / SCORE_PER_MS or tonumber(processedOn) + MAX_BLOCK_MS
end
return {rcall("HGETALL", jobKey), jobId, 0, lookAt}
