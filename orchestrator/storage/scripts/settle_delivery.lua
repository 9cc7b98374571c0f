-- Writes what came of an attempt, and starts the next delivery of the lane.
-- KEYS  1 delivery  2 deliveries  3 pending  4 due  5 dead  6 queue  7 its job
-- ARGV  1 delivery id  2 token  3 'pending', 'delivered', 'dead' or 'deleted'  4 wait ms  5 TTL s
--       6 '1' where an attempt was made  7 prefix of our keys  8 prefix of job ids
--       9 arq's prefix of jobs  10 job JSON, @ for its argument  11 wake channel
--      12... field, value, ... of the delivery
-- Answers 1, or 0 where the right to attempt it is someone else's by now
local known = redis.call('HMGET', KEYS[1], 'lease', 'webhook', 'call', 'owner')
if known[1] ~= ARGV[2] then
  return 0
end
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'state', ARGV[3], 'lease', '', 'leaseMs', 0, unpack(ARGV, 12))
redis.call('EXPIRE', KEYS[1], ARGV[5])
if ARGV[6] == '1' then
  redis.pcall('HINCRBY', KEYS[1], 'attempts', 1)
end
if ARGV[3] == 'pending' then
  redis.call('HSET', KEYS[1], 'nextAttemptMs', server + ARGV[4])
  redis.call('ZADD', KEYS[4], server + ARGV[4], ARGV[1])
  redis.call('PEXPIRE', KEYS[7], ARGV[4] + 86400000)
else
  local webhook = ARGV[7] .. 'webhook:' .. (known[2] or '')
  if redis.call('EXISTS', webhook) == 1 then
    redis.pcall('HINCRBY', webhook, 'pending', -1)
    redis.pcall('HINCRBY', webhook, ARGV[3], 1)
  end
  redis.call('HSET', KEYS[1], 'nextAttemptMs', '')
  redis.call('ZREM', KEYS[3], ARGV[1])
  redis.call('ZREM', KEYS[4], ARGV[1])
  redis.call('ZREM', ARGV[7] .. 'deliveries:callbacks:' .. (known[4] or ''), ARGV[1])
  if ARGV[3] == 'dead' then
    redis.call('ZADD', KEYS[5], tonumber(redis.call('HGET', KEYS[1], 'createdMs') or '') or server, ARGV[1])
  elseif ARGV[3] == 'deleted' then
    redis.call('ZREM', KEYS[2], ARGV[1])
    redis.call('ZREM', ARGV[7] .. 'deliveries:owner:' .. (known[4] or ''), ARGV[1])
    redis.call('DEL', KEYS[1])
  end
end
local lane = ARGV[7] .. 'lane:' .. (known[2] or '') .. ':' .. (known[3] or '')
if redis.call('LINDEX', lane, 0) == ARGV[1] then
  redis.call('LPOP', lane)
  local following = redis.call('LINDEX', lane, 0)
  if following then
    local job = following .. '.1'
    redis.call('SET', ARGV[9] .. ARGV[8] .. job, (ARGV[10]:gsub('@', job)), 'PX', 86400000)
    redis.call('ZADD', KEYS[6], server, ARGV[8] .. job)
    redis.call('ZADD', KEYS[4], server, following)
    redis.call('PUBLISH', ARGV[11], 'job')
  end
end
return 1
