-- Ends a grant.
-- KEYS  1 grant  2 list of its key's grants of the kind
-- ARGV  1 id
-- Answers 1, also where this was done already
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
