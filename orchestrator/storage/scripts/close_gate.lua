-- Closes a gate for a time; a gate that is closed for longer stays so.
-- KEYS  1 gate
-- ARGV  1 ms
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], 'closed', 'PX', ARGV[1])
end
return 1
