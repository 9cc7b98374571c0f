-- Drops some deliveries of a webhook that is deleted, with their jobs.
-- KEYS  1 deliveries of the webhook  2 deliveries  3 pending  4 due  5 dead  6 queue
-- ARGV  1 most  2 prefix of our keys  3 webhook  4 prefix of job ids  5 arq's prefix of jobs
-- Answers how many were dropped
local ids = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1)
for _, id in ipairs(ids) do
  local key = ARGV[2] .. 'delivery:' .. id
  local known = redis.pcall('HMGET', key, 'call', 'round', 'owner')
  if known[1] then
    local job = ARGV[4] .. id .. '.' .. (known[2] or '')
    redis.call('ZREM', KEYS[6], job)
    redis.call('DEL', ARGV[2] .. 'lane:' .. ARGV[3] .. ':' .. known[1], key, ARGV[5] .. job)
    redis.call('ZREM', ARGV[2] .. 'deliveries:owner:' .. (known[3] or ''), id)
  end
  for index = 1, 5 do
    redis.call('ZREM', KEYS[index], id)
  end
end
return #ids
