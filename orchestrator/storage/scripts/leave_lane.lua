-- Takes a call out of its lane; the next one's turn may have come. Begins with gates.lua,
-- bucket.lua, lane.lua.
-- KEYS  1 lane  2 queue
-- ARGV  1 call id  2 prefix of place job ids  3 arq's prefix of in-progress keys  4 wake channel
-- Answers how many were taken out
local left = redis.call('ZREM', KEYS[1], ARGV[1])
if left == 1 then
  pull(KEYS[1], KEYS[2], ARGV[2], ARGV[3], ARGV[4])
end
return left
