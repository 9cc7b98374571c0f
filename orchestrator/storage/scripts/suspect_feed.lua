-- Notes that a call was found over without a notice of it: unless one comes soon, the feed is not
-- to be relied on. One call at a time is enough to tell.
-- KEYS  1 feed
-- ARGV  1 call id  2 for how long one is remembered ms
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
local since = redis.call('HGET', KEYS[1], 'suspectAt')
local free = not since or server - tonumber(since) >= tonumber(ARGV[2])
if free and redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HSET', KEYS[1], 'suspect', ARGV[1], 'suspectAt', server)
end
return 1
