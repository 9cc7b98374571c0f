-- Ends a pause and starts calls of a state that waited for its end, in the order in which they were
-- accepted: they are back in their lanes before one of them runs. Those that another pause holds are
-- looked at again, so that they say so. Begins with pauses.lua.
-- KEYS  1 pauses  2 calls of the state, by acceptance  3 queue
-- ARGV  1 field of the pause  2 first score, '-inf' for all  3 most  4 prefix of call keys
--       5 prefix of lanes  6 prefix of place job ids  7 arq's prefix of in-progress keys
--       8 wake channel (all keys have the same hash tag, so the same slot)
--       9 '1' to end the pause: what is begun while the calls are started is another one
-- Answers {1 where there was such a pause, score from which to go on, '' where there are no more}.
-- The score is the last that was seen: where all had the same, more have to be asked for.
local ended = ARGV[9] == '1' and redis.call('HDEL', KEYS[1], ARGV[1]) or 0
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('ZRANGE', KEYS[2], ARGV[2], '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[3],
  'WITHSCORES')

local function hurry(id)
  local job = ARGV[6] .. id
  if redis.call('EXISTS', ARGV[7] .. job) == 1 then
    redis.call('SET', ARGV[7] .. job, 'hurried', 'KEEPTTL')
  else
    redis.call('ZADD', KEYS[3], 'XX', 'LT', now, job)
  end
end

for index = 1, #found, 2 do
  local text = redis.pcall('HGET', ARGV[4] .. found[index], 'private')
  local is_json, call = pcall(cjson.decode, text)
  if is_json and type(call) == 'table' and (call.fence or '') == '' then
    local owner = tostring(call.owner or '')
    local waited = ARGV[1] == 'house' or ARGV[1] == 'key:' .. owner
    if waited and not pause_of(KEYS[1], owner) then
      local lane = ARGV[5] .. tostring(call.credential or 'default')
      redis.call('ZADD', lane, 'NX', found[index + 1], found[index])
      redis.call('PEXPIRE', lane, 90000000)
    end
    if waited then hurry(found[index]) end
  end
end
if #found > 0 then redis.call('PUBLISH', ARGV[8], 'job') end
if #found < 2 * ARGV[3] then return {ended, ''} end
return {ended, found[#found]}
