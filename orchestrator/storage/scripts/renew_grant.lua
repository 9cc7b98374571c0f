-- Exchanges a refresh token for the next pair of tokens. One that was used before ends the grant, as
-- the last one does that may be: of each that was used the first digits of its digest are kept.
-- KEYS  1 grant  2 list of its key's pairs of tokens
-- ARGV  1 id  2 prefix of grants  3 TTL s  4 most of a key  5 digest of the refresh token
--       6 of the next access token  7 until when it serves (ms)  8 digest of the next refresh token
--       9 how often a grant is renewed at most
-- Answers 1, also where this was done already; 0 where the token is not, or no more, the grant's
local DIGITS = 16
local known = redis.call('HMGET', KEYS[1], 'refresh', 'used')
local refresh, used, shown = known[1], known[2] or '', string.sub(ARGV[5], 1, DIGITS)
if refresh == ARGV[8] then
  return 1
end
local is_last = refresh == ARGV[5] and #used >= ARGV[9] * (DIGITS + 1)
if is_last or refresh ~= ARGV[5] and string.find(used, shown, 1, true) then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 0
end
if not refresh or refresh ~= ARGV[5] then
  return 0
end
redis.call('HSET', KEYS[1], 'access', ARGV[6], 'until', ARGV[7], 'refresh', ARGV[8],
  'used', used .. shown .. ' ')
redis.call('EXPIRE', KEYS[1], ARGV[3])
listed(KEYS[2], ARGV[2], ARGV[1], ARGV[3], ARGV[4])
return 1
