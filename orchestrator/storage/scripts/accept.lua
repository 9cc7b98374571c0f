-- Accepts a call: record, request, indexes, event, job and idempotency key, all or nothing.
-- Begins with velocity.lua, rules.lua, known.lua and filed.lua.
-- KEYS  1 call  2 request  3 idempotency  4 calls  5 state  6 reference  7 events  8 queue
--       9 job  10 looks  11 ringout alias  12 totals  13 lane of the waiting  14 owner's calls
--      15 suppressed  16 click  17 audit  18 API key  19... windows
-- ARGV  1 call id  2 see known.lua  3 server time ms after which nothing is written, '' for never
--       4 fingerprint, '' for no key  5 idempotency TTL s  6 call TTL s  7 accepted at ms
--       8 job id, '' for none  9 job JSON  10 events kept  11 wake channel
--      12 wait before the first look ms, '' for none  13 '1' with a reference
--      14 '1' with a ringout alias  15 what to count, separated by spaces  16 ms after which the
--      job starts by itself where many are ahead  17 rules JSON, '' for none
--      18 count of record items  19... record, then event
-- Answers {'accepted', server ms, figures}, {'replayed', server ms, call id}, {'conflict'|'late',
-- server ms}, or what rules.lua says
if redis.call('EXISTS', KEYS[1]) == 1 then
  return {'accepted', server, (velocity())}
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
local refusal, figures
if rules then
  refusal, figures = judged()
  if refusal then
    return refusal
  end
  noted(figures)
end
named(ARGV[1])
local last = 18 + tonumber(ARGV[18])
redis.call('HSET', KEYS[1], unpack(ARGV, 19, last))
for field in string.gmatch(ARGV[15], '%S+') do redis.call('HINCRBY', KEYS[12], field, 1) end
redis.call('HSET', KEYS[1], 'worthUntilMs', server + ARGV[16])
redis.call('EXPIRE', KEYS[1], ARGV[6])
remembered()
redis.call('ZADD', KEYS[4], ARGV[7], ARGV[1])
redis.call('ZADD', KEYS[5], ARGV[7], ARGV[1])
if ARGV[13] == '1' then indexed(KEYS[6]) end
if string.sub(KEYS[14], -1) ~= ':' then indexed(KEYS[14]) end
redis.call('XADD', KEYS[7], 'MAXLEN', '~', ARGV[10], '*', unpack(ARGV, last + 1))
if ARGV[12] ~= '' then redis.call('ZADD', KEYS[10], server + ARGV[12], ARGV[1]) end
if ARGV[8] ~= '' then queued() end
return {'accepted', server, figures or {}}
