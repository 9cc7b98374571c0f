-- Notes of a webhook how an attempt went, and disables one that only fails or wants no more.
-- KEYS  1 webhook  2 version of the webhooks  3 secret
-- ARGV  1 'delivered', 'failed' or 'gone'  2 now, RFC 3339  3 what was wrong
--       4 fewest failures  5 shortest time of failures ms  6 the URL that was sent to
-- Answers 1 where it was disabled by this
local known = redis.call('HMGET', KEYS[1], 'enabled', 'failures', 'failingMs')
if not known[1] or redis.call('HGET', KEYS[3], 'url') ~= ARGV[6] then
  return 0
end
if ARGV[1] == 'delivered' then
  redis.call('HSET', KEYS[1], 'failures', 0, 'failingSince', '', 'failingMs', '',
    'lastDeliveredAt', ARGV[2])
  return 0
end
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
local failures, since = redis.call('HINCRBY', KEYS[1], 'failures', 1), tonumber(known[3] or '')
redis.call('HSET', KEYS[1], 'lastFailure', ARGV[3])
if not since then
  since = server
  redis.call('HSET', KEYS[1], 'failingSince', ARGV[2], 'failingMs', server)
end
local only_fails = failures >= tonumber(ARGV[4]) and server - since >= tonumber(ARGV[5])
if known[1] ~= '1' or (ARGV[1] ~= 'gone' and not only_fails) then
  return 0
end
local code, message = 'only_fails', 'It has only failed for too long; last: ' .. ARGV[3]
if ARGV[1] == 'gone' then
  code, message = 'gone', 'The receiver answered 410: it wants nothing any more.'
end
redis.call('HSET', KEYS[1], 'enabled', '', 'disabledCode', code, 'disabledMessage', message,
  'disabledAt', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'revision', 1)
redis.call('INCR', KEYS[2])
return 1
