-- Gives the right to attempt a delivery back without an attempt.
-- KEYS  1 delivery
-- ARGV  1 token
if redis.call('HGET', KEYS[1], 'lease') == ARGV[1] then
  return redis.call('HSET', KEYS[1], 'lease', '', 'leaseMs', 0)
end
return 0
