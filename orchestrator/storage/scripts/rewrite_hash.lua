-- Writes fields of a hash one of whose fields still has this value.
-- KEYS  1 hash
-- ARGV  1 field  2 its value  3... field, value, ...
-- Answers 1, or 0 where it has another, or is gone
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
return 1
