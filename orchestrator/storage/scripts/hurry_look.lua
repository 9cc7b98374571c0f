-- Makes the next look at a call due now. One that is under way began before: since its lease is
-- the score, it cannot put off the look that is due then.
-- KEYS  1 looks  2 call  3 feed
-- ARGV  1 call id  2 what was told: words, or '' where something may have been missed
--       3 wake channel
-- Answers 1, or 0 where the call is not looked at
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] ~= '' and redis.call('EXISTS', KEYS[2]) == 1 then
  local told = string.format('%d', server)
  local before = redis.call('HGET', KEYS[2], 'told') or ''
  for _, word in ipairs({'over', 'both'}) do
    if string.find(before .. ' ' .. ARGV[2], word, 1, true) then
      told = told .. ' ' .. word
    end
  end
  redis.call('HSET', KEYS[2], 'told', told)
  if redis.call('HGET', KEYS[3], 'suspect') == ARGV[1] then
    redis.call('HDEL', KEYS[3], 'suspect', 'suspectAt')
  end
end
local due = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not due then
  return 0
end
if tonumber(due) > server then
  redis.call('ZADD', KEYS[1], server, ARGV[1])
  redis.call('PUBLISH', ARGV[3], 'look')
end
return 1
