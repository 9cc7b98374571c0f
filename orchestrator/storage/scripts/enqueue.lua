-- Writes a job, unless one with its id waits or runs.
-- KEYS  1 queue  2 job
-- ARGV  1 job id  2 job JSON  3 wait ms  4 wake channel
-- Answers 1, or 0 where there is one
if redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('EXISTS', KEYS[2]) == 1 then
  return 0
end
local time = redis.call('TIME')
redis.call('SET', KEYS[2], ARGV[2], 'PX', 86400000)
redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3], ARGV[1])
redis.call('PUBLISH', ARGV[4], 'job')
return 1
