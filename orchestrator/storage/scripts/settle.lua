-- Settles a payment: what was sent counts from its answer on, what was not sent does not count.
-- Begins with gates.lua.
-- KEYS  1 spent  2 bucket  3 gate  4 account's gate  5 house's gate
-- ARGV  1 payment  2 'answered', 'unanswered' or 'unsent'  3 limit, '' where not said
--       4 remaining  5 window ms  6 penalty ms, '' for none  7 which of KEYS to close
-- Requests that others pay for from the same bucket show in `remaining`: they are entered too.
local is_probe = redis.call('HGET', KEYS[2], 'probe') == ARGV[1]
if is_probe then
  redis.call('HDEL', KEYS[2], 'probe', 'probeUntil')
end
for index = 4, 5 do
  if redis.call('HGET', KEYS[index], 'probe') == ARGV[1] then
    redis.call('HDEL', KEYS[index], 'probe', 'probeUntil')
    local is_over = tonumber(redis.call('HGET', KEYS[index], 'until') or 0) <= now
    if is_over and ARGV[2] == 'answered' and ARGV[6] == '' then redis.call('DEL', KEYS[index]) end
  end
end
if ARGV[2] == 'unsent' then
  return redis.call('ZREM', KEYS[1], ARGV[1])
end
redis.call('ZADD', KEYS[1], 'XX', now, ARGV[1])
if ARGV[2] == 'unanswered' then
  return 0
end
redis.call('HSET', KEYS[2], 'seen', now)
redis.call('PEXPIRE', KEYS[2], 86400000)
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[2], 'limit', ARGV[3], 'remaining', ARGV[4], 'window', ARGV[5])
end
if ARGV[6] ~= '' then
  redis.call('HSET', KEYS[2], 'canary', '1')
  local gate = KEYS[tonumber(ARGV[7])]
  if ARGV[7] ~= '3' then
    if tonumber(redis.call('HGET', gate, 'until') or 0) < now + ARGV[6] then
      redis.call('HSET', gate, 'until', now + ARGV[6])
      redis.call('PEXPIRE', gate, ARGV[6] + 3600000)
    end
  elseif redis.call('PTTL', gate) < tonumber(ARGV[6]) then
    redis.call('SET', gate, 'closed', 'PX', ARGV[6])
  end
  return 0
end
if is_probe and redis.call('PTTL', KEYS[3]) <= 0 then redis.call('HDEL', KEYS[2], 'canary') end
if ARGV[3] ~= '' then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[5])
  local others = ARGV[3] - ARGV[4] - redis.call('ZCARD', KEYS[1])
  for index = 1, others do
    redis.call('ZADD', KEYS[1], now, ARGV[1] .. '+' .. index)
  end
  if others > 0 then redis.call('PEXPIRE', KEYS[1], 2 * ARGV[5]) end
end
return 0
