-- Gives an API key a further secret; those that it has serve a while longer.
-- KEYS  1 key
-- ARGV  1 digest of the new secret  2 until when the others serve (ms)  3 now (ms)
--       4 most secrets that serve at the same time
-- Answers 1, also where this was done already; 0 where there is no such key or it was revoked; -1
-- where a secret would have to go that serves still
local kept = redis.call('HGET', KEYS[1], 'secrets')
if not kept or redis.call('HEXISTS', KEYS[1], 'revokedAt') == 1 then
  return 0
end
local secrets = {}
for _, secret in ipairs(cjson.decode(kept)) do
  if secret.hash == ARGV[1] then
    return 1
  end
  secret['until'] = math.min(secret['until'] or math.huge, tonumber(ARGV[2]))
  if secret['until'] > tonumber(ARGV[3]) then
    secrets[#secrets + 1] = secret
  end
end
if #secrets >= tonumber(ARGV[4]) then
  return -1
end
secrets[#secrets + 1] = {hash = ARGV[1]}
redis.call('HSET', KEYS[1], 'secrets', cjson.encode(secrets))
return 1
