-- Writes one change of a call: record, event, indexes, next look, placing lease and at most one
-- job, if the call is still at the revision that the change was decided on; all or nothing.
-- Begins with pauses.lua, fence.lua.
-- KEYS  1 call  2 state left  3 state entered  4 events  5 looks  6 placings  7 queue  8 job
--       9 ringout alias  10 gate  11 request  12 totals  13 account's gate  14 house's gate
--      15 callback  16 pauses  17 suppressed  18... the lines that it needs with ARGV[5]
-- ARGV  1 call id  2 expected revision  3 change id  4 state score ms
--       5 when the hours of the call end (ms, or 'never') to obey what fence.lua looks at, else ''
--       6 look: '' as it is, '-' none, else wait ms  7 lease of the look under way, '' for none
--       8 placing: '' as it is, '-' none, else lease ms  9 job id, '' for none  10 job JSON
--      11 wait before the job ms  12 TTL s, '' as it is  13 '1' to set the alias  14 events kept
--      15 wake channel  16 what to count, separated by spaces
--      17 the phones' digests, separated by spaces  18 count of record items
--      19... record, then event (may be none)
-- Answers {'written'}, {'expired'}, {'suppressed'}, {'paused', JSON}, {'gated', ms}, {'missing'} or {'lost',
-- revision, document, private}
local known = redis.call('HMGET', KEYS[1], 'revision', 'change', 'document', 'private')
if not known[1] or known[2] == ARGV[3] then
  return {known[1] and 'written' or 'missing'}
end
if known[1] ~= ARGV[2] then
  return {'lost', known[1], known[3], known[4]}
end
local closes = ARGV[5] ~= 'never' and ARGV[5] or ''
local held = ARGV[5] ~= ''
  and obstacle(KEYS[1], closes, KEYS[17], ARGV[17], KEYS[16], KEYS[10], KEYS[13], KEYS[14])
if held then return held end
local last = 18 + tonumber(ARGV[18])
redis.call('HSET', KEYS[1], unpack(ARGV, 19, last))
for field in string.gmatch(ARGV[16], '%S+') do redis.call('HINCRBY', KEYS[12], field, 1) end
if KEYS[2] ~= KEYS[3] then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('ZADD', KEYS[3], ARGV[4], ARGV[1])
end
if #ARGV > last then
  redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[14], '*', unpack(ARGV, last + 1))
end
if ARGV[6] == '-' then
  redis.call('ZREM', KEYS[5], ARGV[1])
elseif ARGV[6] ~= '' and (ARGV[7] == '' or redis.call('ZSCORE', KEYS[5], ARGV[1]) == ARGV[7]) then
  redis.call('ZADD', KEYS[5], server + ARGV[6], ARGV[1])
end
if ARGV[8] == '-' then
  redis.call('ZREM', KEYS[6], ARGV[1])
elseif ARGV[8] ~= '' then
  redis.call('ZADD', KEYS[6], server + ARGV[8], ARGV[1])
end
if ARGV[9] ~= '' then
  redis.call('SET', KEYS[8], ARGV[10], 'PX', 86400000)
  redis.call('ZADD', KEYS[7], server + ARGV[11], ARGV[9])
  redis.call('PUBLISH', ARGV[15], 'job')
end
if ARGV[13] == '1' then redis.call('SET', KEYS[9], ARGV[1], 'EX', redis.call('TTL', KEYS[1])) end
if ARGV[12] ~= '' then
  redis.call('DEL', KEYS[11])
  for _, key in ipairs({KEYS[1], KEYS[15], KEYS[9]}) do redis.call('EXPIRE', key, ARGV[12]) end
end
return {'written'}
