-- Takes a call that may be placed from the lines that it has or waits for: they are the next ones'.
-- One that RingCentral has been asked for, or may have been, keeps them. Begins with line.lua.
-- KEYS  1 call  2 queue of jobs  3 calls of the account  4 those of the credential that wait for it
--       5, 6... a line, and those of the credential that wait for it
-- ARGV  1 call id  2 prefix of place job ids  3 arq's prefix of in-progress keys
-- Answers how many it has left
local id = ARGV[1]
local known = redis.call('HMGET', KEYS[1], 'state', 'private')
if known[1] ~= 'queued' and known[1] ~= 'placing' then return 0 end
if (cjson.decode(known[2]).fence or '') ~= '' then return 0 end
local left = redis.call('ZREM', KEYS[3], id)
for index = 3, #KEYS, 2 do
  if index > 3 and redis.call('GET', KEYS[index]) == id then
    left = left + redis.call('DEL', KEYS[index])
  end
  left = left + redis.call('ZREM', KEYS[index + 1], id)
  pull(KEYS[index + 1], KEYS[2], ARGV[2], ARGV[3])
end
return left
