-- Begins anew, before the oldest event, where the cursor is no place in the stream.
-- KEYS  1 events  2 cursor  3 how many events were passed  4 lease
-- ARGV  1 owner of the lease
-- Answers 1 where it was none
if redis.call('GET', KEYS[4]) ~= ARGV[1] then
  return 0
end
local cursor = redis.pcall('GET', KEYS[2])
if not cursor then
  return 0
end
local is_id = type(cursor) == 'string' and cursor:match('^%d+%-%d+$')
if is_id and not redis.pcall('XRANGE', KEYS[1], cursor, cursor).err then
  return 0
end
local added, length, flat = 0, 0, redis.call('EXISTS', KEYS[1]) == 1
  and redis.call('XINFO', 'STREAM', KEYS[1]) or {}
for index = 1, #flat, 2 do
  if flat[index] == 'entries-added' then added = flat[index + 1] end
  if flat[index] == 'length' then length = flat[index + 1] end
end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[3], math.max(0, added - length))
return 1
