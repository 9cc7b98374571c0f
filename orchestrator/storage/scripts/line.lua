-- Who holds a line, and who waits for it: begins every script that gives lines to calls.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local NEXT_ONES, SOON = 3, 500

local function lives(prefix, id)
  return (redis.call('HGET', prefix .. id, 'state') or 'ended') ~= 'ended'
end

-- Whether nobody of those that wait was accepted earlier; who waits no more is dropped.
local function is_first(waiting, id, accepted, prefix)
  for _ = 1, 50 do
    local head = redis.call('ZRANGE', waiting, 0, 0, 'WITHSCORES')
    if not head[1] then return true end
    local state = redis.call('HGET', prefix .. head[1], 'state')
    if state == 'queued' or state == 'placing' then
      local since = tonumber(head[2])
      return accepted < since or (accepted == since and id <= head[1])
    end
    redis.call('ZREM', waiting, head[1])
  end
end

-- Lets a call wait; answers the ms after which to ask again, which the next ones do soon.
local function wait_for(waiting, id, accepted)
  redis.call('ZADD', waiting, accepted, id)
  redis.call('PEXPIRE', waiting, 90000000)
  local rank = redis.call('ZRANK', waiting, id)
  return rank < NEXT_ONES and SOON or 5000 + 100 * math.min(rank, 550)
end

-- The next ones ask soon, if their jobs wait and nobody has them.
local function pull(waiting, queue, prefix, in_progress)
  for _, id in ipairs(redis.call('ZRANGE', waiting, 0, NEXT_ONES - 1)) do
    local job = prefix .. id
    local due = redis.call('ZSCORE', queue, job)
    if due and tonumber(due) > now + SOON and redis.call('EXISTS', in_progress .. job) == 0 then
      redis.call('ZADD', queue, now + SOON, job)
    end
  end
end
