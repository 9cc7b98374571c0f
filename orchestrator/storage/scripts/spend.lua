-- Pays for one request, if its bucket has something left and no gate is closed.
-- Begins with gates.lua, bucket.lua.
-- KEYS  1 spent  2 bucket  3 gate  4 account's gate  5 house's gate  6 buckets in use
-- ARGV  1 payment  2 assumed limit  3 assumed window ms  4 reserve  5 patience ms
--       6 '1' for what the reserve is kept for  7 hold ms  8 probe ms  9 the bucket's name
--      10 share of the limit that a sixth of the window may take, 0 for all
--      11 share of the limit that is left to others
-- Answers {'paid'}, or {'gated' | 'spent', ms after which it may be tried again}
local shut = closed(3, ARGV[1])
if shut > 0 then
  return {'gated', shut}
end
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return {'paid'}
end
local rules = {limit = tonumber(ARGV[2]), window = tonumber(ARGV[3]), reserve = tonumber(ARGV[4]),
  patience = tonumber(ARGV[5]), care = ARGV[6] == '1', yields = tonumber(ARGV[11])}
local free, wait, limit, window = room(KEYS[1], KEYS[2], rules)
if free < 1 then
  return {'spent', math.ceil(wait)}
end
if ARGV[10] ~= '0' and limit < UNLIMITED then
  local rest = pace(KEYS[1], tonumber(ARGV[10]), limit, window)
  if rest > 0 then return {'spent', math.ceil(rest)} end
end
redis.call('ZADD', KEYS[6], now, ARGV[9])
pass(3, ARGV[1], tonumber(ARGV[7]))
if limit < UNLIMITED then
  pay(KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[7]), tonumber(ARGV[8]), window)
end
return {'paid'}
