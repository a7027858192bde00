/** A text in a script of BullMQ, and the text that replaces it. */
type Replacement = readonly [text: string, instead: string];

/** The length of the stream of events, which posthorn does not write. */
const maxEvents: Replacement = [
  `  local maxEvents = rcall("HGET", metaKey, "opts.maxLenEvents")
  if not maxEvents then
    maxEvents = 10000
    rcall("HSET", metaKey, "opts.maxLenEvents", maxEvents)
  end
  return maxEvents
`,
  '',
];

/** When a job was handed over last, to whom, and how often. The worker sets the time itself; the rest is not used. */
const handOverNotes: Replacement = [
  `  rcall("HMSET", jobKey, "processedOn", processedOn, unpack(optionalValues))
  rcall("HINCRBY", jobKey, "ats", 1)
`,
  '',
];

/** The set of jobs with a priority, which no message has. */
const prioritized: Replacement = [
  `  local prioritizedJob = rcall("ZPOPMIN", priorityKey)
  if #prioritizedJob > 0 then
    rcall("LPUSH", activeKey, prioritizedJob[1])
    return prioritizedJob[1]
  else
    rcall("DEL", priorityCounterKey)
  end
`,
  '',
];

/** The logs of a job, and the keys of a flow of jobs, beside the job itself. */
const otherJobKeys: Replacement = [
  `  return rcall("DEL", jobKey, jobKey .. ':logs', jobKey .. ':dependencies',
    jobKey .. ':processed', jobKey .. ':failed', jobKey .. ':unsuccessful')
`,
  `  return rcall("DEL", jobKey)
`,
];

/** The children that a job of a flow waits for. */
const children: Replacement = [
  `        if rcall("SCARD", jobIdKey .. ":dependencies") ~= 0 then
            return -4
        end
        if rcall("ZCARD", jobIdKey .. ":unsuccessful") ~= 0 then
            return -9
        end
`,
  '',
];

/** The number of attempts of a job that is removed next. */
const lastAttempt: Replacement = [
  'local attemptsMade = rcall("HINCRBY", jobIdKey, "atm", 1)',
  'local attemptsMade = maxCount ~= 0 and rcall("HINCRBY", jobIdKey, "atm", 1) or 0',
];

/** Whether the queue is empty, which BullMQ makes an event. */
const drained: Replacement = [
  `    local waitLen = rcall("LLEN", KEYS[1])
    if waitLen == 0 then
        local activeLen = rcall("LLEN", KEYS[2])
        if activeLen == 0 then
            local prioritizedLen = rcall("ZCARD", KEYS[3])
            if prioritizedLen == 0 then
                rcall("XADD", eventStreamKey, "*", "event", "drained")
            end
        end
    end
`,
  '',
];

/**
 * The time of a check for stalled jobs, while none is active: setting it and its expiry are two writes per shard in the
 * append-only file.
 */
const stalledCheck = 'rcall("SET", stalledCheckKey, timestamp, "PX", maxCheckTime)';
const idleStalledCheck: Replacement = [
  stalledCheck,
  `if rcall("LLEN", activeKey) == 0 and rcall("EXISTS", stalledKey) == 0 then return {} end
${stalledCheck}`,
];

/** Steps without an effect for posthorn, by the name of the script that takes them for each message. */
const unused: Partial<Record<string, readonly Replacement[]>> = {
  addStandardJob: [maxEvents],
  addDelayedJob: [maxEvents],
  moveStalledJobsToWait: [idleStalledCheck],
  moveToActive: [handOverNotes, prioritized],
  moveToDelayed: [handOverNotes, prioritized, maxEvents],
  moveToFinished: [handOverNotes, prioritized, maxEvents, children, otherJobKeys, lastAttempt, drained],
};

/**
 * Removes from a script of BullMQ what has no effect for posthorn, which has no flows, priorities, events and no jobs that
 * have ended: nine commands for a message that is published and delivered alone.
 *
 * @throws {Error} if the script has another text than that of the version of BullMQ for which this was written
 */
export function skipUnused(name: string, lua: string): string {
  return replaceAll(name, lua, unused[name] ?? []);
}

/**
 * The fields of a job. `data` has the message, and the worker gives every job the same options (`shards/worker.ts`): each
 * field and option would take Redis 10 to 110 bytes for every message that waits.
 */
const fields: readonly Replacement[] = [
  ['    local jsonOpts = cjson.encode(opts)\n', ''],
  [
    `rcall("HMSET", jobIdKey, "name", name, "data", data, "opts", jsonOpts,
          "timestamp", timestamp, "delay", delay, "priority", priority,
          unpack(optionalValues))`,
    'rcall("HMSET", jobIdKey, "data", data, unpack(optionalValues))',
  ],
];

/** What differs in a script that `add-job.lua` embeds. */
const embedded: Partial<Record<string, readonly Replacement[]>> = {
  addStandardJob: [
    ...fields,
    [
      'local isPausedOrMaxed = isQueuePausedOrMaxed(metaKey, activeKey)\n-- LIFO or FIFO',
      'local isPausedOrMaxed = isMarked or isQueuePausedOrMaxed(metaKey, activeKey)\nisMarked = true',
    ],
  ],
  addDelayedJob: fields,
};

/** Makes a script of BullMQ use what `add-job.lua` knows already. @throws {Error} as `skipUnused` does */
export function useCaller(name: string, lua: string): string {
  return replaceAll(name, lua, embedded[name] ?? []);
}

function replaceAll(name: string, lua: string, replacements: readonly Replacement[]): string {
  return replacements.reduce((text, [before, instead]) => {
    if (text.split(before).length !== 2) {
      throw new Error(`BullMQ's script ${name} does not contain this as it is known here, once:\n${before}`);
    }
    return text.replace(before, () => instead);
  }, lua);
}
