-- Counts an attempt to authenticate that has failed; the count begins anew after a while.
-- KEYS  1 failures of an address
-- ARGV  1 ms that they count
-- Answers how many there are
local count = redis.pcall('INCR', KEYS[1])
if type(count) ~= 'number' then
  redis.call('DEL', KEYS[1])
  count = redis.call('INCR', KEYS[1])
end
if redis.call('PTTL', KEYS[1]) < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return count
