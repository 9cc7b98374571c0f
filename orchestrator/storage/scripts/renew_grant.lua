-- Exchanges a refresh token for the next pair of tokens; one that was used before ends the grant.
-- KEYS  1 grant  2 list of its key's pairs of tokens
-- ARGV  1 id  2 prefix of grants  3 TTL s  4 most of a key  5 digest of the refresh token
--       6 of the next access token  7 until when it serves (ms)  8 digest of the next refresh token
-- Answers 1, also where this was done already; 0 where the token is not, or no more, the grant's
local refresh = redis.call('HGET', KEYS[1], 'refresh')
if refresh == ARGV[8] then
  return 1
end
if redis.call('HGET', KEYS[1], 'used') == ARGV[5] then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 0
end
if not refresh or refresh ~= ARGV[5] then
  return 0
end
redis.call('HSET', KEYS[1], 'access', ARGV[6], 'until', ARGV[7], 'refresh', ARGV[8], 'used', ARGV[5])
redis.call('EXPIRE', KEYS[1], ARGV[3])
listed(KEYS[2], ARGV[2], ARGV[1], ARGV[3], ARGV[4])
return 1
