-- Makes the planned attempts of some of a webhook's deliveries due now.
-- KEYS  1 deliveries of the webhook  2 due  3 queue
-- ARGV  1 offset  2 most  3 prefix of our keys  4 prefix of job ids
-- Answers {how many were looked at, how many of them are pending}
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
local ids, pending = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[1] + ARGV[2] - 1), 0
for _, id in ipairs(ids) do
  local key = ARGV[3] .. 'delivery:' .. id
  local known = redis.pcall('HMGET', key, 'state', 'round', 'nextAttemptMs', 'lease')
  if known[1] == 'pending' then
    pending = pending + 1
    local planned = tonumber(known[3] or '') or 0
    if planned > server and (known[4] or '') == '' then
      redis.call('HSET', key, 'nextAttemptMs', server)
      redis.call('ZADD', KEYS[2], server, id)
      redis.call('ZADD', KEYS[3], 'XX', server, ARGV[4] .. id .. '.' .. (known[2] or ''))
    end
  end
end
return {#ids, pending}
