-- Attempts a delivery anew, at once; an attempt that was planned is not made.
-- KEYS  1 delivery  2 pending  3 due  4 dead  5 queue
-- ARGV  1 delivery id  2 prefix of our keys  3 prefix of job ids  4 arq's prefix of jobs
--       5 job JSON, @ for its argument  6 wake channel
--       7 s after its event from which on nothing is kept of it
-- Answers 'queued', 'missing' (it or its webhook, or it goes within the hour) or 'disabled' (its
-- webhook)
local known = redis.call('HMGET', KEYS[1], 'state', 'round', 'webhook', 'call', 'attempts', 'createdMs', 'owner')
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
local left = known[1] and known[6] + ARGV[7] * 1000 - server or 0
if left < 3600000 then
  return 'missing'
end
local webhook = ARGV[2] .. 'webhook:' .. known[3]
if known[3] ~= 'callback' then
  local enabled = redis.call('HGET', webhook, 'enabled')
  if enabled ~= '1' then
    return enabled and 'disabled' or 'missing'
  end
end
local is_pending = known[1] == 'pending'
if is_pending and known[2] == '1' and known[5] == '0' then
  return 'queued'
end
local old, new = ARGV[1] .. '.' .. known[2], ARGV[1] .. '.' .. (known[2] + 1)
redis.call('ZREM', KEYS[5], ARGV[3] .. old)
redis.call('DEL', ARGV[4] .. ARGV[3] .. old)
redis.call('HSET', KEYS[1], 'state', 'pending', 'round', known[2] + 1, 'nextAttemptMs', server,
  'lease', '', 'leaseMs', 0, 'attempts', is_pending and known[5] or 0)
redis.call('PEXPIRE', KEYS[1], math.floor(left))
redis.call('ZADD', KEYS[2], known[6], ARGV[1])
redis.call('ZADD', KEYS[3], server, ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
if known[3] == 'callback' then
  local waiting = ARGV[2] .. 'deliveries:callbacks:' .. (known[7] or '')
  redis.call('ZADD', waiting, known[6], ARGV[1])
  redis.call('EXPIRE', waiting, ARGV[7])
elseif not is_pending then
  redis.call('HINCRBY', webhook, 'pending', 1)
end
redis.call('SET', ARGV[4] .. ARGV[3] .. new, (ARGV[5]:gsub('@', new)), 'PX', 86400000)
redis.call('ZADD', KEYS[5], server, ARGV[3] .. new)
redis.call('PUBLISH', ARGV[6], 'job')
return 'queued'
