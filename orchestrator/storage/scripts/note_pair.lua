-- Notes that a call to a number is about to be asked for, and forgets those of long ago.
-- KEYS  1 pair
-- ARGV  1 call id  2 when ms  3 seconds for which it is remembered
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2] - ARGV[3] * 1000)
return redis.call('EXPIRE', KEYS[1], ARGV[3])
