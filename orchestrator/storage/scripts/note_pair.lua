-- Notes that a call to a number is about to be asked for, and forgets those of long ago.
-- KEYS  1 pair  2 the call's ends
-- ARGV  1 call id  2 when ms  3 seconds for which it is remembered  4 digests of the call's ends
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2] - ARGV[3] * 1000)
redis.call('SET', KEYS[2], ARGV[4], 'EX', ARGV[3])
return redis.call('EXPIRE', KEYS[1], ARGV[3])
