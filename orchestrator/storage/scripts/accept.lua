-- Accepts a call: record, request, indexes, event, job and idempotency key, all or nothing.
-- KEYS  1 call  2 request  3 idempotency  4 calls  5 state  6 reference  7 events  8 queue
--       9 job  10 looks  11 ringout alias  12 totals  13 lane of the waiting  14 owner's calls
-- ARGV  1 call id  2 request JSON  3 server time ms after which nothing is written, '' for never
--       4 fingerprint, '' for no key  5 idempotency TTL s  6 call TTL s  7 accepted at ms
--       8 job id, '' for none  9 job JSON  10 events kept  11 wake channel
--      12 wait before the first look ms, '' for none  13 '1' with a reference
--      14 '1' with a ringout alias  15 what to count, separated by spaces  16 ms after which the
--      job starts by itself where many are ahead  17 count of record items  18... record, then event
-- Answers {'accepted'|'late', server ms}, {'replayed', server ms, call id} or {'conflict', server ms}
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('EXISTS', KEYS[1]) == 1 then
  return {'accepted', server}
end
local known = ARGV[4] ~= '' and redis.call('HMGET', KEYS[3], 'fingerprint', 'call') or {}
if known[1] then
  return known[1] == ARGV[4] and {'replayed', server, known[2]} or {'conflict', server}
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
local last = 17 + tonumber(ARGV[17])
redis.call('HSET', KEYS[1], unpack(ARGV, 18, last))
for field in string.gmatch(ARGV[15], '%S+') do redis.call('HINCRBY', KEYS[12], field, 1) end
redis.call('EXPIRE', KEYS[1], ARGV[6])
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[6])
redis.call('ZADD', KEYS[4], ARGV[7], ARGV[1])
redis.call('ZADD', KEYS[5], ARGV[7], ARGV[1])
local function indexed(key)
  redis.call('ZADD', key, ARGV[7], ARGV[1])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', ARGV[7] - ARGV[6] * 1000)
  redis.call('EXPIRE', key, ARGV[6])
end
if ARGV[13] == '1' then indexed(KEYS[6]) end
if string.sub(KEYS[14], -1) ~= ':' then indexed(KEYS[14]) end
redis.call('XADD', KEYS[7], 'MAXLEN', '~', ARGV[10], '*', unpack(ARGV, last + 1))
if ARGV[12] ~= '' then
  redis.call('ZADD', KEYS[10], server + ARGV[12], ARGV[1])
end
if ARGV[8] ~= '' then
  local is_far_back = redis.call('ZCARD', KEYS[13]) >= 50
  redis.call('ZADD', KEYS[13], ARGV[7], ARGV[1])
  redis.call('PEXPIRE', KEYS[13], 90000000)
  redis.call('SET', KEYS[9], ARGV[9], 'PX', 86400000)
  redis.call('ZADD', KEYS[8], server + (is_far_back and ARGV[16] or 0), ARGV[8])
  redis.call('PUBLISH', ARGV[11], 'job')
end
return {'accepted', server}
