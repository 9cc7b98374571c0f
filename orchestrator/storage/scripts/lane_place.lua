-- Where a call stands in its lane, and when its turn may come. Begins with gates.lua, bucket.lua, lane.lua.
-- KEYS  1 lane  2 spent  3 bucket  4 gate  5 account's gate  6 house's gate
-- ARGV  1 call id  2 assumed limit  3 assumed window ms  4 reserve  5 patience ms
-- Answers {how many are ahead, ms until its turn}, or {-1, 0} where it does not wait
local rank = redis.call('ZRANK', KEYS[1], ARGV[1])
if not rank then
  return {-1, 0}
end
local rules = {limit = tonumber(ARGV[2]), window = tonumber(ARGV[3]), reserve = tonumber(ARGV[4]),
  patience = tonumber(ARGV[5]), care = false}
local free, wait, limit, window = room(KEYS[2], KEYS[3], rules)
local ahead = rank < free and 0 or estimate(KEYS[2], rank, free, wait, limit, window)
return {rank, math.ceil(math.max(closed(4, ''), ahead))}
