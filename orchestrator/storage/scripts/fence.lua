-- What keeps a call from being placed at this moment:
-- begins every script that writes the fence, after pauses.lua.
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)

-- The answer that says it, or nil: a pause, or a gate of the bucket, the account or the house.
local function obstacle(call, pauses, gate, ...)
  local pause = pause_of(pauses, redis.call('HGET', call, 'owner') or '')
  if pause then return {'paused', pause} end
  local left = redis.call('PTTL', gate)
  for _, wider in ipairs({...}) do
    left = math.max(left, (redis.call('HGET', wider, 'until') or 0) - server)
  end
  return left > 0 and {'gated', left} or nil
end
