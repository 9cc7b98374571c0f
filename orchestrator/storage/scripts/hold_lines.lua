-- Gives a call all the lines it needs, or none of them: a line is free whose holder has ended. The
-- calls of a credential that wait for a line get it in the order in which they were accepted.
-- Begins with line.lua.
-- KEYS  1 calls of the account  2 those of the credential that wait for it  3 queue of jobs
--       4, 5... a line, and those of the credential that wait for it
-- ARGV  1 call id  2 most calls of the account, 0 for any number  3 ms that a call is followed
--       4 prefix of call keys (same hash tag, so the same slot)  5 accepted at ms
--       6 prefix of place job ids  7 arq's prefix of in-progress keys
-- Answers 0, or the ms after which to ask again where a line is engaged
local id, accepted, wait = ARGV[1], tonumber(ARGV[5]), 0

local function take(waiting, is_engaged)
  redis.call('ZREM', waiting, id)
  if is_engaged or not is_first(waiting, id, accepted, ARGV[4]) then
    wait = math.max(wait, wait_for(waiting, id, accepted))
  end
  pull(waiting, KEYS[3], ARGV[6], ARGV[7])
end

for index = 4, #KEYS, 2 do
  local holder = redis.call('GET', KEYS[index])
  if holder ~= id then take(KEYS[index + 1], holder and lives(ARGV[4], holder)) end
end
local is_counted = ARGV[2] == '0' or redis.call('ZSCORE', KEYS[1], id)
if not is_counted then
  if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
    for _, other in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
      if not lives(ARGV[4], other) then redis.call('ZREM', KEYS[1], other) end
    end
  end
  take(KEYS[2], redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]))
end
if wait > 0 then return wait end
if not is_counted then
  redis.call('ZADD', KEYS[1], now, id)
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
for index = 4, #KEYS, 2 do redis.call('SET', KEYS[index], id, 'PX', ARGV[3]) end
return 0
