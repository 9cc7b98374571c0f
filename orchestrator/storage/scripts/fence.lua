-- What keeps a call from being placed at this moment:
-- begins every script that writes the fence, after pauses.lua.
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)

local ASK_AGAIN = 50

-- Whether the call still has a line: a phone's names who has it, an account's is the set of them.
local function has(line)
  if redis.call('TYPE', line).ok == 'zset' then return redis.call('ZSCORE', line, ARGV[1]) end
  return redis.call('GET', line) == ARGV[1]
end

-- The answer that says it, or nil: its time is over, which rules.lua judges by the same moment; one
-- of the phones is never to be rung; a pause; hours that end at `closes` (ms, '' for never); a gate of
-- the bucket, the account or the house; or a line (KEYS[18] and those behind it) that the call left
-- when another run of its job found it held back.
local function obstacle(call, closes, suppressed, phones, pauses, gate, ...)
  local worth = tonumber(redis.call('HGET', call, 'worthUntilMs') or '')
  if worth and server >= worth then return {'expired'} end
  for phone in string.gmatch(phones, '%S+') do
    if redis.call('SISMEMBER', suppressed, phone) == 1 then return {'suppressed'} end
  end
  local pause = pause_of(pauses, redis.call('HGET', call, 'owner') or '')
  if pause then return {'paused', pause} end
  local left = redis.call('PTTL', gate)
  for _, wider in ipairs({...}) do
    left = math.max(left, (redis.call('HGET', wider, 'until') or 0) - server)
  end
  if closes ~= '' and server >= tonumber(closes) then left = math.max(left, ASK_AGAIN) end
  for index = 18, #KEYS do
    if not has(KEYS[index]) then left = math.max(left, ASK_AGAIN) end
  end
  return left > 0 and {'gated', left} or nil
end
