-- Deletes a webhook; no delivery is made for it from then on.
-- KEYS  1 webhook  2 secret  3 webhooks  4 version
-- ARGV  1 id
-- Answers 1, or 0 where there is none
local known = redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('INCR', KEYS[4])
return known
