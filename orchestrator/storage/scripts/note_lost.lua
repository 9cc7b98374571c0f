-- Tells the webhooks of events that the stream dropped before they were dispatched.
-- KEYS  1 events  2 cursor  3 how many events were passed  4 lease  5 webhooks  6 totals
-- ARGV  1 owner of the lease  2 prefix of our keys  3 now, RFC 3339
-- Answers {how many were lost, how many were passed}
if redis.call('GET', KEYS[4]) ~= ARGV[1] then
  return {0, 0}
end
local cursor = redis.call('GET', KEYS[2])
local passed = tonumber(redis.call('GET', KEYS[3]) or '')
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {0, passed or 0}
end
local about, flat = {}, redis.call('XINFO', 'STREAM', KEYS[1])
for index = 1, #flat, 2 do
  about[flat[index]] = flat[index + 1]
end
local added = about['entries-added'] or 0
if cursor and (not passed or cursor == about['last-generated-id']) then
  redis.call('SET', KEYS[3], added)
  return {0, added}
end
passed = passed or 0
local dropped = added - about['length']
if dropped <= passed then
  return {0, passed}
end
local first = about['first-entry'] and about['first-entry'][1]:match('^%d+') or '+inf'
for _, id in ipairs(redis.call('ZRANGE', KEYS[5], '-inf', '(' .. first, 'BYSCORE')) do
  local hash = ARGV[2] .. 'webhook:' .. id
  if redis.pcall('HGET', hash, 'enabled') == '1' then
    redis.pcall('HINCRBY', hash, 'eventsLost', dropped - passed)
    redis.call('HSET', hash, 'eventsLostAt', ARGV[3])
  end
end
redis.call('HINCRBY', KEYS[6], 'events_lost', dropped - passed)
redis.call('SET', KEYS[3], dropped)
return {dropped - passed, dropped}
