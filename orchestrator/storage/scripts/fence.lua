-- What keeps a call from being placed at this moment:
-- begins every script that writes the fence, after pauses.lua.
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)

-- The answer that says it, or nil: one of the phones is never to be rung, a pause, or a gate of the
-- bucket, the account or the house.
local function obstacle(call, suppressed, phones, pauses, gate, ...)
  for phone in string.gmatch(phones, '%S+') do
    if redis.call('SISMEMBER', suppressed, phone) == 1 then return {'suppressed'} end
  end
  local pause = pause_of(pauses, redis.call('HGET', call, 'owner') or '')
  if pause then return {'paused', pause} end
  local left = redis.call('PTTL', gate)
  for _, wider in ipairs({...}) do
    left = math.max(left, (redis.call('HGET', wider, 'until') or 0) - server)
  end
  return left > 0 and {'gated', left} or nil
end
