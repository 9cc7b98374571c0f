-- Replaces a hash and sets its time to live.
-- KEYS  1 hash
-- ARGV  1 TTL s  2... field, value, ...
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return redis.call('EXPIRE', KEYS[1], ARGV[1])
