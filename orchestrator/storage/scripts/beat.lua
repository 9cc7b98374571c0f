-- Writes down that a worker is alive, and forgets those that have not been heard of for long.
-- KEYS  1 worker  2 workers
-- ARGV  1 worker id  2 TTL of the worker ms  3 ms after which it is forgotten  4... field, value
-- Answers the server's time in ms
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], server, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', server - ARGV[3])
return server
