-- Gives a call all the lines it needs, or none of them: a line is free whose holder has ended.
-- KEYS  1 calls of the account  2... lines
-- ARGV  1 call id  2 most calls of the account, 0 for any number  3 ms that a call is followed
--       4 prefix of call keys (same hash tag, so the same slot)
-- Answers 1, or 0 where one is engaged
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function lives(id)
  local state = redis.call('HGET', ARGV[4] .. id, 'state')
  return state and state ~= 'ended'
end
for index = 2, #KEYS do
  local holder = redis.call('GET', KEYS[index])
  if holder and holder ~= ARGV[1] and lives(holder) then
    return 0
  end
end
if ARGV[2] ~= '0' and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
    for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
      if not lives(id) then redis.call('ZREM', KEYS[1], id) end
    end
    if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
      return 0
    end
  end
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
for index = 2, #KEYS do
  redis.call('SET', KEYS[index], ARGV[1], 'PX', ARGV[3])
end
return 1
