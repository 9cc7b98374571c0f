-- What a bucket has left: begins every script that pays from one,
-- after gates.lua.
-- A bucket is a hash (limit, window ms, seen, canary, probe, probeUntil, careUntil) and a sorted
-- set of what was spent (ms). A request under way stands there for as long as it may take, since
-- RingCentral may count it at any moment until its answer.
local UNLIMITED = 1000000

-- A request under way is taken for one that is answered now.
local function score(spent, index)
  return math.min(now, tonumber(redis.call('ZRANGE', spent, index, index, 'WITHSCORES')[2] or now))
end

-- Ms after which one more may leave where a sixth of the window takes this share of the limit.
local function pace(spent, share, limit, window)
  local most = math.max(1, math.ceil(limit * share))
  local span = window / 6
  if redis.call('ZCOUNT', spent, now - span, '+inf') < most then return 0 end
  return math.max(5, score(spent, -most) + span - now)
end

-- rules: limit, window, reserve, patience, care, yields. Answers how many may leave now, the ms
-- after which one more may, the limit and the window.
local function room(spent, bucket, rules)
  local known = redis.call('HMGET', bucket, 'limit', 'window', 'seen', 'canary', 'probeUntil', 'careUntil')
  local is_sure = known[3] and not known[4]
  if is_sure and not known[1] then return UNLIMITED, 0, UNLIMITED, rules.window end
  local limit = tonumber(known[1] or rules.limit)
  local window = tonumber(known[2] or rules.window)
  redis.call('ZREMRANGEBYSCORE', spent, '-inf', now - window)
  local left = limit - redis.call('ZCARD', spent)
  local kept = rules.care and 0 or math.min(rules.reserve, limit - 1)
  local yielded = math.min(math.floor(limit * (rules.yields or 0)), limit - 1)
  local soon = redis.call('ZCOUNT', spent, '-inf', now - window + rules.patience)
  local is_wanted = tonumber(known[6] or 0) - now
  if is_wanted > 0 then soon = 0 end
  local free = left - math.max(yielded, kept - soon)
  if free < 1 then
    local wait = left <= yielded and score(spent, yielded - left) + window - now
      or score(spent, kept - left) + window - rules.patience - now
    if not rules.care then wait = math.max(wait, is_wanted) end
    if rules.care then redis.call('HSET', bucket, 'careUntil', now + wait + 1000) end
    return 0, math.max(5, wait), limit, window
  end
  if not is_sure then
    local busy = tonumber(known[5] or 0) - now
    if busy > 0 then return 0, math.min(busy, 50), limit, window end
    return 1, 50, limit, window
  end
  return free, 0, limit, window
end

local function pay(spent, bucket, payment, hold, probe, window)
  redis.call('ZADD', spent, now + hold, payment)
  redis.call('PEXPIRE', spent, hold + 2 * window)
  local known = redis.call('HMGET', bucket, 'seen', 'canary')
  if not known[1] or known[2] then
    redis.call('HSET', bucket, 'probe', payment, 'probeUntil', now + (known[2] and hold or probe))
  end
  redis.call('PEXPIRE', bucket, 86400000)
end
