-- How many grants a key has: begins every script that writes one down.
-- Lists a grant as the youngest of its kind, under when it expires (us, server time), and ends the
-- oldest ones beyond the most there may be.
local function listed(list, prefix, id, seconds, most)
  local time = redis.call('TIME')
  local now = time[1] * 1000000 + time[2]
  redis.call('ZREM', list, id)
  redis.call('ZREMRANGEBYSCORE', list, '-inf', now)
  local excess = redis.call('ZCARD', list) + 1 - most
  if excess > 0 then
    local oldest = redis.call('ZPOPMIN', list, excess)
    for at = 1, #oldest, 2 do
      redis.call('DEL', prefix .. oldest[at])
    end
  end
  redis.call('ZADD', list, now + seconds * 1000000, id)
  redis.call('EXPIRE', list, seconds)
end
