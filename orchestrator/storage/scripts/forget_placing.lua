-- Drops a placing lease that has ended.
-- KEYS  1 placings
-- ARGV  1 call id
-- Answers how many were dropped
local time = redis.call('TIME')
local lease_end = redis.call('ZSCORE', KEYS[1], ARGV[1])
if lease_end and tonumber(lease_end) <= time[1] * 1000 + math.floor(time[2] / 1000) then
  return redis.call('ZREM', KEYS[1], ARGV[1])
end
return 0
