-- Sets when a job is started again, by the server's clock: workers' clocks differ. One that was
-- hurried while it ran is due now.
-- KEYS  1 queue  2 in-progress key
-- ARGV  1 job id  2 wait ms
local time = redis.call('TIME')
local wait = redis.call('GET', KEYS[2]) == 'hurried' and 0 or ARGV[2]
redis.call('DEL', KEYS[2])
return redis.call('ZADD', KEYS[1], 'XX', time[1] * 1000 + math.floor(time[2] / 1000) + wait, ARGV[1])
