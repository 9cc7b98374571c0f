-- Adds or replaces a credential, or removes it, and tells all processes.
-- KEYS  1 credentials  2 version  3 parked
-- ARGV  1 name  2 JSON, '' to remove it  3 this change's own id
-- Answers 1, or 0 where there was nothing to change
if redis.call('GET', KEYS[2]) == ARGV[3] then
  return 1
end
if redis.call('HGET', KEYS[1], ARGV[1]) == (ARGV[2] ~= '' and ARGV[2]) then
  return 0
end
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('SET', KEYS[2], ARGV[3])
return 1
