-- Makes a job that waits due now; one that runs stays as it is.
-- KEYS  1 queue  2 in-progress key
-- ARGV  1 job id  2 wake channel
-- Answers 1, or 0 where it does not wait
local due = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not due or redis.call('EXISTS', KEYS[2]) == 1 then
  return 0
end
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
if tonumber(due) > server then
  redis.call('ZADD', KEYS[1], server, ARGV[1])
  redis.call('PUBLISH', ARGV[2], 'job')
end
return 1
