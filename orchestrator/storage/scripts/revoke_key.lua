-- Revokes an API key for ever; it stays listed.
-- KEYS  1 key
-- ARGV  1 when (RFC 3339)
-- Answers 1, 0 where there is no such key; what is no key's record is replaced by a revoked one
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then
  redis.call('DEL', KEYS[1])
end
redis.call('HSETNX', KEYS[1], 'revokedAt', ARGV[1])
return 1
