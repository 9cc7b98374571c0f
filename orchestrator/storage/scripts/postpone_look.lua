-- Sets the next look at a call, if the one who asks still holds the lease on it.
-- KEYS  1 looks
-- ARGV  1 call id  2 lease  3 wait ms, '-' to look no more
-- Answers 1, or 0 where the lease is someone else's by now
if redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
if ARGV[3] == '-' then
  return redis.call('ZREM', KEYS[1], ARGV[1])
end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3], ARGV[1])
return 1
