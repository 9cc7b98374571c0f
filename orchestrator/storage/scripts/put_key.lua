-- Writes a new API key down.
-- KEYS  1 key  2 all keys
-- ARGV  1 id  2 when (ms)  3... field, value, ...
-- Answers 1, also where this was done already
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
return 1
