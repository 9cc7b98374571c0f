-- Says how the feed of a credential stands, for those who rely on it; if the one who says it is
-- the one who listens.
-- KEYS  1 feed  2 feeds  3 listening
-- ARGV  1 owner  2 TTL ms  3 credential  4 '1' where notices come  5... field, value
-- Answers 1, or 0 where another listens
if redis.call('GET', KEYS[3]) ~= ARGV[1] then
  return 0
end
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
local state = redis.call('HGET', KEYS[1], 'state')
redis.call('HSET', KEYS[1], unpack(ARGV, 5))
if redis.call('HGET', KEYS[1], 'state') ~= state then
  redis.call('HSET', KEYS[1], 'sinceAt', server)
  redis.call('HDEL', KEYS[1], 'suspect', 'suspectAt')
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if ARGV[4] == '1' then
  redis.call('ZADD', KEYS[2], server, ARGV[3])
else
  redis.call('ZREM', KEYS[2], ARGV[3])
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', server - ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
