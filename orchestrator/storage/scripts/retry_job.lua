-- Sets when a job is started again, by the server's clock: workers' clocks differ.
-- KEYS  1 queue  2 in-progress key
-- ARGV  1 job id  2 wait ms
local time = redis.call('TIME')
redis.call('DEL', KEYS[2])
return redis.call('ZADD', KEYS[1], 'XX', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2], ARGV[1])
