-- Pays for the placing of a call when it is its turn; until then the call keeps its place in the
-- lane of its credential. Begins with gates.lua, bucket.lua, lane.lua.
-- KEYS  1 lane  2 spent  3 bucket  4 gate  5 account's gate  6 house's gate  7 buckets in use
--       8 queue
-- ARGV  1 call id  2 accepted at ms  3 payment  4 assumed limit  5 assumed window ms  6 reserve
--       7 patience ms  8 hold ms  9 probe ms  10 the bucket's name  11 prefix of call keys
--      12 prefix of place job ids  13 arq's prefix of in-progress keys  14 wake channel
-- Answers {'paid'}, or {'gated' | 'spent', ms after which to try again, how many are ahead}
redis.call('ZADD', KEYS[1], 'NX', ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], 90000000)
drop_ended(KEYS[1], ARGV[1], ARGV[11])
local rank = redis.call('ZRANK', KEYS[1], ARGV[1])
local shut = closed(4, ARGV[3])
if shut > 0 then
  return {'gated', shut + math.min(rank, 100) * 100, rank}
end
local is_paid = redis.call('ZSCORE', KEYS[2], ARGV[3])
local rules = {limit = tonumber(ARGV[4]), window = tonumber(ARGV[5]), reserve = tonumber(ARGV[6]),
  patience = tonumber(ARGV[7]), care = false}
local free, wait, limit, window = 0, 0, UNLIMITED, 0
if not is_paid then
  free, wait, limit, window = room(KEYS[2], KEYS[3], rules)
  if rank >= free then
    return {'spent', math.ceil(estimate(KEYS[2], rank, free, wait, limit, window)), rank}
  end
  if limit < UNLIMITED then
    pay(KEYS[2], KEYS[3], ARGV[3], tonumber(ARGV[8]), tonumber(ARGV[9]), window)
  end
  redis.call('ZADD', KEYS[7], now, ARGV[10])
  pass(4, ARGV[3], tonumber(ARGV[8]))
end
redis.call('ZREM', KEYS[1], ARGV[1])
pull(KEYS[1], KEYS[8], ARGV[12], ARGV[13], ARGV[14])
return {'paid'}
