-- Exchanges a refresh token for the next pair of tokens; one that was used before ends the grant.
-- KEYS  1 grant
-- ARGV  1 digest of the refresh token  2 of the next access token  3 until when it serves (ms)
--       4 digest of the next refresh token  5 TTL s
-- Answers 1, also where this was done already; 0 where the token is not, or no more, the grant's
local refresh = redis.call('HGET', KEYS[1], 'refresh')
if refresh == ARGV[4] then
  return 1
end
if redis.call('HGET', KEYS[1], 'used') == ARGV[1] then
  redis.call('DEL', KEYS[1])
  return 0
end
if not refresh or refresh ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'access', ARGV[2], 'until', ARGV[3], 'refresh', ARGV[4], 'used', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 1
