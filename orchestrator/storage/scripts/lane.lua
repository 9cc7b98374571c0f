-- Calls of one credential that wait for their turn, in the order in which they were accepted:
-- begins every script that moves them, after bucket.lua.

-- Those at the head that wait no more: cancelled, expired, or asked for by now.
local function drop_ended(lane, own, prefix)
  for _ = 1, 50 do
    local head = redis.call('ZRANGE', lane, 0, 0)[1]
    if head == own then return end
    local state = redis.call('HGET', prefix .. head, 'state')
    if state == 'queued' or state == 'placing' then return end
    redis.call('ZREM', lane, head)
  end
end

-- Ms until a call may leave that has `rank` others ahead of it, where `free` may leave now and one
-- more after `wait`: first what is kept, then as the window's requests come free, then those that
-- leave now, and so on window after window.
local function estimate(spent, rank, free, wait, limit, window)
  if limit >= UNLIMITED then return 0 end
  if rank == 0 then return math.max(5, wait) end
  local used = redis.call('ZCARD', spent)
  local kept = math.max(0, limit - used - free)
  local index = (rank - free) % limit
  local turn = window
  if index < kept then
    turn = wait
  elseif index < kept + used then
    turn = score(spent, index - kept) + window - now
  end
  return math.max(50, wait, turn) + math.floor((rank - free) / limit) * window
end

-- The next ones are started now, if their jobs wait and nobody has them.
local function pull(lane, queue, prefix, in_progress, wake)
  local is_news = false
  for _, id in ipairs(redis.call('ZRANGE', lane, 0, 1)) do
    local job = prefix .. id
    local due = redis.call('ZSCORE', queue, job)
    if due and tonumber(due) > now and redis.call('EXISTS', in_progress .. job) == 0 then
      redis.call('ZADD', queue, now, job)
      is_news = true
    end
  end
  if is_news then redis.call('PUBLISH', wake, 'job') end
end
