-- Writes a grant down.
-- KEYS  1 grant  2 list of its key's grants of the kind
-- ARGV  1 id  2 prefix of grants  3 TTL s  4 most of a key  5... field, value, ...
-- Answers 1, also where this was done already
redis.call('HSET', KEYS[1], unpack(ARGV, 5))
redis.call('EXPIRE', KEYS[1], ARGV[3])
listed(KEYS[2], ARGV[2], ARGV[1], ARGV[3], ARGV[4])
return 1
