-- Accepts a call: record, request, indexes, event, job and idempotency key, all or nothing.
-- KEYS  1 call  2 request  3 idempotency  4 calls  5 state  6 reference  7 events  8 queue
--       9 job  10 looks  11 ringout alias  12 totals
-- ARGV  1 call id  2 request JSON  3 server time ms after which nothing is written, '' for never
--       4 fingerprint, '' for no key  5 idempotency TTL s  6 call TTL s  7 accepted at ms
--       8 job id, '' for none  9 job JSON  10 events kept  11 wake channel
--      12 wait before the first look ms, '' for none  13 '1' with a reference
--      14 '1' with a ringout alias  15 what to count, separated by spaces
--      16 count of record items  17... record, then event
-- Answers {'accepted'|'late', server ms}, {'replayed', server ms, call id} or {'conflict', server ms}
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('EXISTS', KEYS[1]) == 1 then
  return {'accepted', server}
end
if ARGV[4] ~= '' then
  local known = redis.call('HMGET', KEYS[3], 'fingerprint', 'call')
  if known[1] then
    if known[1] ~= ARGV[4] then
      return {'conflict', server}
    end
    return {'replayed', server, known[2]}
  end
end
if ARGV[3] ~= '' and server > tonumber(ARGV[3]) then
  return {'late', server}
end
if ARGV[14] == '1' then
  local owner = redis.call('GET', KEYS[11])
  if owner then
    return {'replayed', server, owner}
  end
  redis.call('SET', KEYS[11], ARGV[1], 'EX', ARGV[6])
end
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[3], 'fingerprint', ARGV[4], 'call', ARGV[1])
  redis.call('EXPIRE', KEYS[3], ARGV[5])
end
local last = 16 + tonumber(ARGV[16])
redis.call('HSET', KEYS[1], unpack(ARGV, 17, last))
for field in string.gmatch(ARGV[15], '%S+') do redis.call('HINCRBY', KEYS[12], field, 1) end
redis.call('EXPIRE', KEYS[1], ARGV[6])
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[6])
redis.call('ZADD', KEYS[4], ARGV[7], ARGV[1])
redis.call('ZADD', KEYS[5], ARGV[7], ARGV[1])
if ARGV[13] == '1' then
  redis.call('ZADD', KEYS[6], ARGV[7], ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', ARGV[7] - ARGV[6] * 1000)
  redis.call('EXPIRE', KEYS[6], ARGV[6])
end
redis.call('XADD', KEYS[7], 'MAXLEN', '~', ARGV[10], '*', unpack(ARGV, last + 1))
if ARGV[12] ~= '' then
  redis.call('ZADD', KEYS[10], server + ARGV[12], ARGV[1])
end
if ARGV[8] ~= '' then
  redis.call('SET', KEYS[9], ARGV[9], 'PX', 86400000)
  redis.call('ZADD', KEYS[8], server, ARGV[8])
  redis.call('PUBLISH', ARGV[11], 'job')
end
return {'accepted', server}
