-- Deletes a webhook; no delivery is made for it from then on.
-- KEYS  1 webhook  2 secret  3 webhooks  4 version
-- ARGV  1 id
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('DEL', KEYS[1], KEYS[2])
return redis.call('INCR', KEYS[4])
