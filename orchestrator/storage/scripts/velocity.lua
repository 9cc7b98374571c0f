-- How often: the calls accepted in sliding windows;
-- begins every script that accepts a call, before rules.lua.
-- rules.windows: a list of quotas ({most, seconds}) for each key from KEYS[19] on, which holds the
-- ids of calls by when they were accepted (server ms). At most so many of them are let in as the
-- quotas allow, so that no window holds more; a call counts until its time is exactly `seconds` ago.
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
local rules = ARGV[17] ~= '' and cjson.decode(ARGV[17]) or nil

-- {left, ms until one more is} of every quota in order, and whether one of them is used up.
local function velocity()
  local figures, is_spent = {}, false
  for at, quotas in ipairs(rules and rules.windows or {}) do
    local key = KEYS[18 + at]
    local is_known = redis.call('EXISTS', key) == 1
    for _, quota in ipairs(quotas) do
      local most, span = quota[1], quota[2] * 1000
      local used = is_known and redis.call('ZCOUNT', key, '(' .. (server - span), '+inf') or 0
      local wait = span
      if used > 0 then
        local next_out = -math.min(used, most)
        wait = redis.call('ZRANGE', key, next_out, next_out, 'WITHSCORES')[2] + span - server
      end
      is_spent = is_spent or used >= most
      figures[#figures + 1] = {math.max(0, most - used), wait}
    end
  end
  return figures, is_spent
end

local function counted()
  for at, quotas in ipairs(rules.windows) do
    local key, longest = KEYS[18 + at], 0
    for _, quota in ipairs(quotas) do
      longest = math.max(longest, quota[2] * 1000)
    end
    redis.call('ZADD', key, server, ARGV[1])
    redis.call('ZREMRANGEBYSCORE', key, '-inf', server - longest)
    redis.call('PEXPIRE', key, longest)
  end
end

-- Whether too many deliveries wait: rules.backlog says which they are, from when on (ms) they count,
-- and how many there may be; null for a call without a callbackUrl.
local function is_full()
  local index, oldest, most = unpack(type(rules.backlog) == 'table' and rules.backlog or {})
  return index and redis.call('ZCOUNT', index, oldest, '+inf') >= most
end
