-- The house's rules on a new call: begins every script that accepts one, after velocity.lua.
-- `rules` are ARGV[17] decoded, nil where a call is written down that nobody asks for:
--   numbers: digests, none of which may be in KEYS[15]  shown: one that may, or ''
--   click: ms in which KEYS[16] holds a call to the same phones, 0 for not at all
--   windows: see velocity.lua  dry: whether nothing is to be written
--   audit: the entry for KEYS[17], of which `kept` are kept
-- KEYS[18] is the API key that asks, if one does.

local function named(call)
  if ARGV[4] ~= '' then
    redis.call('HSET', KEYS[3], 'fingerprint', ARGV[4], 'call', call)
    redis.call('EXPIRE', KEYS[3], ARGV[5])
  end
end

-- The call that an earlier click has made, as long as it is wanted, not over, and asked for or
-- still worth placing, which fence.lua judges by the same moment.
local function clicked()
  local first = rules.click > 0 and redis.call('GET', KEYS[16])
  if not first then return nil end
  local call = string.sub(KEYS[1], 1, -#ARGV[1] - 1) .. first
  local found = redis.call('HMGET', call, 'state', 'cancelOutcome', 'private', 'worthUntilMs')
  if not found[1] or found[1] == 'ended' or found[2] ~= '' then return nil end
  local waits = found[1] == 'queued' or found[1] == 'placing' and cjson.decode(found[3]).fence == ''
  return (not waits or server < (tonumber(found[4] or '') or math.huge)) and first or nil
end

-- What to answer where the call is not to be written down, else nil and the figures.
local function judged()
  if redis.call('HEXISTS', KEYS[18], 'revokedAt') == 1 then return {'revoked', server} end
  for at, is_suppressed in ipairs(redis.call('SMISMEMBER', KEYS[15], unpack(rules.numbers))) do
    if is_suppressed == 1 then
      return {'suppressed', server, at}
    end
  end
  local figures, is_spent = velocity()
  local first = clicked()
  if first then
    if not rules.dry then named(first) end
    return {'clicked', server, first, figures}
  elseif is_full() then
    return {'full', server, figures}
  elseif is_spent then
    return {'spent', server, figures}
  elseif rules.dry then
    return {'dry', server, figures}
  end
  return nil, figures
end

local function noted(figures)
  counted()
  for _, figure in ipairs(figures) do
    figure[1] = figure[1] - 1
  end
  if rules.click > 0 then
    redis.call('SET', KEYS[16], ARGV[1], 'PX', rules.click)
  end
  redis.call('XADD', KEYS[17], 'MAXLEN', '~', rules.kept, '*', unpack(rules.audit))
end
