-- Takes the right to attempt a delivery, if its time has come.
-- KEYS  1 delivery
-- ARGV  1 delivery id  2 round  3 token  4 lease ms  5 prefix of our keys
-- Answers {'over'} (nothing to do), {'waits'} (for an earlier one in its lane), {'later', ms} or
-- {'go', webhook, call, event, type, attempts, body, enabled, URL, secrets, owner,
-- created ms}, of a delivery that lacks some of them nil in their place
local known = redis.call('HMGET', KEYS[1], 'state', 'round', 'webhook', 'call', 'event', 'type',
  'attempts', 'body', 'nextAttemptMs', 'lease', 'leaseMs', 'owner', 'createdMs')
if known[1] ~= 'pending' or (known[2] or '') ~= ARGV[2] then
  return {'over'}
end
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
local left = tonumber(known[9] or '') or 0
if known[10] and known[10] ~= '' and known[10] ~= ARGV[3] then
  left = math.max(left, tonumber(known[11] or '') or 0)
end
if left > server then
  return {'later', math.ceil(left - server)}
end
local first = redis.call('LINDEX', ARGV[5] .. 'lane:' .. (known[3] or '') .. ':' .. (known[4] or ''), 0)
if first and first ~= ARGV[1] and known[7] == '0' and known[2] == '1' then
  return {'waits'}
end
local enabled, target, secrets
if known[3] == 'callback' then
  enabled, target, secrets = '1', redis.call('GET', ARGV[5] .. 'callback:' .. (known[4] or '')), ''
else
  enabled = redis.call('HGET', ARGV[5] .. 'webhook:' .. (known[3] or ''), 'enabled')
  local own = redis.call('HMGET', ARGV[5] .. 'webhook-secret:' .. (known[3] or ''), 'url', 'secrets')
  target, secrets = own[1], own[2]
end
redis.call('HSET', KEYS[1], 'lease', ARGV[3], 'leaseMs', server + ARGV[4])
return {'go', known[3], known[4], known[5], known[6], known[7], known[8], enabled or '',
  target or '', secrets or '', known[12] or '', known[13]}
