-- Takes a lease, or finds that the one who asks has it: a request that is sent twice counts once.
-- KEYS  1 lease
-- ARGV  1 owner  2 lease ms
-- Answers {1}, or {0, what stands there}
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return {0, holder}
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1}
