/** KEYS: one. ARGV: milliseconds of the window. Returns the count and the milliseconds that are left. */
export const COUNT = `
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[1])
  redis.call('PEXPIRE', KEYS[1], left)
end
return { count, left }`

/**
 * KEYS: one for each budget. ARGV: for each of them the free failures, the first delay (0: wait until forgotten), the
 * longest delay, and the milliseconds until it is forgotten. Returns the budget that waits longest, counted from 1, and
 * its wait; or two zeros when all have been charged. The clock is that of Redis, so that processes cannot disagree.
 */
export const BEGIN = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local longest, waiting = 0, 0
local failures = {}
for i, key in ipairs(KEYS) do
  local free, first, most = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2]), tonumber(ARGV[4 * i - 1])
  local state = redis.call('HMGET', key, 'failures', 'at')
  failures[i] = tonumber(state[1] or 0)
  if failures[i] >= free then
    local wait
    if first == 0 then
      wait = redis.call('PTTL', key)
    else
      local delay = math.min(most, first * 2 ^ (failures[i] - free))
      wait = math.min(delay, tonumber(state[2]) + delay - now)
    end
    if wait > longest then longest, waiting = wait, i end
  end
end
if waiting > 0 then return { waiting, math.ceil(longest) } end
for i, key in ipairs(KEYS) do
  redis.call('HSET', key, 'failures', failures[i] + 1, 'at', now)
  if failures[i] == 0 or ARGV[4 * i - 2] ~= '0' or redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, ARGV[4 * i]) end
end
return { 0, 0 }`

/** KEYS: of the budgets that get one failure back. */
export const FORGIVE = `
for _, key in ipairs(KEYS) do
  if tonumber(redis.call('HGET', key, 'failures') or 0) > 0 then redis.call('HINCRBY', key, 'failures', -1) end
end
return 0`
