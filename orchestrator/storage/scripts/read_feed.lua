-- How the feed of a credential stands, by the server's clock.
-- KEYS  1 feed
-- ARGV  none
-- Answers {state or '', for how long it has stood like this ms,
--          how long ago an end was seen that it had not told ms, or -1}
local known = redis.call('HMGET', KEYS[1], 'state', 'sinceAt', 'suspectAt')
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
local since = math.max(0, server - tonumber(known[2] or server))
return {known[1] or '', since, known[3] and math.max(0, server - tonumber(known[3])) or -1}
