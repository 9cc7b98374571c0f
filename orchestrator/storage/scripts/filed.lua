-- Where a new call is found, and the job that places it:
-- begins every script that accepts one, after rules.lua.

local function indexed(key)
  redis.call('ZADD', key, ARGV[7], ARGV[1])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', ARGV[7] - ARGV[6] * 1000)
  redis.call('EXPIRE', key, ARGV[6])
end

local function queued()
  local is_far_back = redis.call('ZCARD', KEYS[13]) >= 50
  redis.call('ZADD', KEYS[13], ARGV[7], ARGV[1])
  redis.call('PEXPIRE', KEYS[13], 90000000)
  redis.call('SET', KEYS[9], ARGV[9], 'PX', 86400000)
  redis.call('ZADD', KEYS[8], server + (is_far_back and ARGV[16] or 0), ARGV[8])
  redis.call('PUBLISH', ARGV[11], 'job')
end
