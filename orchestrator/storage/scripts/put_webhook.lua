-- Writes a webhook, new or changed: what may be seen, and its URL and secrets; all or nothing.
-- KEYS  1 webhook  2 secret  3 webhooks  4 version
-- ARGV  1 id  2 expected revision, '' for a new one  3 most webhooks  4 URL  5 secrets JSON
--       6 owner, '' for the house  7 most webhooks of one owner  8 prefix of our keys
--       9... field, value, ... of the webhook
-- Answers 'written', 'full', 'enough' (of this owner), 'missing' or 'lost'
local revision = redis.call('HGET', KEYS[1], 'revision')
if ARGV[2] == '' then
  if revision then
    return 'written'
  end
  if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[3]) then
    return 'full'
  end
  local own = 0
  for _, id in ipairs(ARGV[6] ~= '' and redis.call('ZRANGE', KEYS[3], 0, -1) or {}) do
    own = own + (redis.pcall('HGET', ARGV[8] .. 'webhook:' .. id, 'owner') == ARGV[6] and 1 or 0)
  end
  if own >= tonumber(ARGV[7]) then
    return 'enough'
  end
  local time = redis.call('TIME')
  local server = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('ZADD', KEYS[3], server, ARGV[1])
  redis.call('HSET', KEYS[1], 'createdMs', server)
elseif revision ~= ARGV[2] then
  return revision and 'lost' or 'missing'
end
redis.call('HSET', KEYS[1], unpack(ARGV, 9))
redis.call('HSET', KEYS[2], 'url', ARGV[4], 'secrets', ARGV[5])
redis.call('INCR', KEYS[4])
return 'written'
