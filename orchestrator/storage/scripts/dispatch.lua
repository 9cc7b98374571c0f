-- Writes the deliveries that some events make, with the jobs of those that are first in their
-- lanes, and moves the cursor behind the events; all or nothing.
-- KEYS  1 cursor  2 version of the webhooks  3 lease  4 deliveries  5 pending  6 due  7 queue
--       8 how many events were passed
-- ARGV  1 owner of the lease, '' to write deliveries and leave the cursor  2 lease ms
--       3 expected cursor  4 next cursor  5 expected version  6 prefix of our keys
--       7 prefix of job ids  8 arq's prefix of jobs  9 job JSON, @ for its argument
--      10 TTL s (a delivery's is from its event on)  11 most pending of a webhook  12 wake channel
--      13 now, RFC 3339  14 how many events were passed then
--      15... for each delivery: id, webhook, event, type, call, sequence, time ms, body, owner
-- Answers 'written', 'moved' (the cursor), 'lost' (the lease) or 'stale' (the webhooks)
if ARGV[1] ~= '' then
  if redis.call('GET', KEYS[3]) ~= ARGV[1] then return 'lost' end
  redis.call('PEXPIRE', KEYS[3], ARGV[2])
  if (redis.call('GET', KEYS[1]) or '0-0') ~= ARGV[3] then
    return 'moved'
  elseif (redis.call('GET', KEYS[2]) or '0') ~= ARGV[5] then
    return 'stale'
  end
  redis.call('MSET', KEYS[1], ARGV[4], KEYS[8], ARGV[14])
end
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
local function may_take(hash)
  local known = redis.pcall('HMGET', hash, 'enabled', 'pending')
  if known[1] == '1' and (tonumber(known[2] or 0) or 0) >= tonumber(ARGV[11]) then
    redis.call('HSET', hash, 'enabled', '', 'disabledCode', 'backlog_full', 'disabledAt', ARGV[13],
      'disabledMessage', 'Too many deliveries were waiting; later events were not kept.')
    redis.call('HINCRBY', hash, 'revision', 1)
    redis.call('INCR', KEYS[2])
    return false
  end
  return known[1] == '1' and type(redis.pcall('HINCRBY', hash, 'pending', 1)) == 'number'
end
for at = 15, #ARGV, 9 do
  local id, webhook, call, created = ARGV[at], ARGV[at + 1], ARGV[at + 4], ARGV[at + 6]
  local key, owner = ARGV[6] .. 'delivery:' .. id, ARGV[at + 8]
  local is_new = redis.call('EXISTS', key) == 0
  if is_new and (webhook == 'callback' or may_take(ARGV[6] .. 'webhook:' .. webhook)) then
    redis.call('HSET', key, 'webhook', webhook, 'event', ARGV[at + 2], 'type', ARGV[at + 3],
      'call', call, 'sequence', ARGV[at + 5], 'createdMs', created, 'body', ARGV[at + 7],
      'state', 'pending', 'attempts', 0, 'round', 1, 'owner', owner)
    local indexes = {KEYS[4], KEYS[5], ARGV[6] .. 'deliveries:webhook:' .. webhook}
    if owner ~= '' then indexes[#indexes + 1] = ARGV[6] .. 'deliveries:owner:' .. owner end
    if webhook == 'callback' then indexes[#indexes + 1] = ARGV[6] .. 'deliveries:callbacks:' .. owner end
    for _, index in ipairs(indexes) do redis.call('ZADD', index, created, id) end
    local lane = ARGV[6] .. 'lane:' .. webhook .. ':' .. call
    local is_first = redis.call('RPUSH', lane, id) == 1
    for place = 3, #indexes do redis.call('EXPIRE', indexes[place], ARGV[10]) end
    redis.call('EXPIRE', lane, ARGV[10])
    if is_first then
      redis.call('SET', ARGV[8] .. ARGV[7] .. id .. '.1', (ARGV[9]:gsub('@', id .. '.1')), 'PX', 86400000)
      redis.call('ZADD', KEYS[7], server, ARGV[7] .. id .. '.1')
      redis.call('ZADD', KEYS[6], server, id)
      redis.call('PUBLISH', ARGV[12], 'job')
    end
    redis.call('PEXPIREAT', key, math.max(created + ARGV[10] * 1000, server + 3600000))
  end
end
return 'written'
