-- The gates that every request passes: begins every script that pays, before bucket.lua.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Ms until the gates are open: the bucket's own, and the hashes (until, probe, probeUntil) of the
-- account's and the house's, which one request passes first when their penalty is over.
local function closed(first, payment)
  local most = redis.call('PTTL', KEYS[first])
  for index = first + 1, first + 2 do
    local known = redis.call('HMGET', KEYS[index], 'until', 'probeUntil', 'probe')
    local probed = known[3] ~= payment and math.min(50, tonumber(known[2] or 0) - now) or 0
    most = math.max(most, tonumber(known[1] or 0) - now, probed)
  end
  return most
end

local function pass(first, payment, hold)
  for index = first + 1, first + 2 do
    if redis.call('EXISTS', KEYS[index]) == 1 then
      redis.call('HSET', KEYS[index], 'probe', payment, 'probeUntil', now + hold)
    end
  end
end
