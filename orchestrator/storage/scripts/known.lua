-- What is kept of a call beside its record:
-- begins every script that accepts one, after rules.lua.
-- ARGV[2] has three lines: the request JSON, the seconds for which a call is known by its phones'
-- digests (rules.numbers, rules.shown), and the call's callbackUrl or nothing.
local function remembered()
  local prefix = string.sub(KEYS[1], 1, -#ARGV[1] - 6)
  local body, kept, url = string.match(ARGV[2], '^([^\n]*)\n(%d+)\n(.*)$')
  redis.call('SET', KEYS[2], body, 'EX', ARGV[6])
  if url ~= '' then
    redis.call('SET', prefix .. 'callback:' .. ARGV[1], url, 'EX', ARGV[6])
  end
  local digests = rules and rules.numbers or {}
  if rules and rules.shown ~= '' then digests[#digests + 1] = rules.shown end
  for _, digest in ipairs(digests) do
    local key = prefix .. 'number:' .. digest
    redis.call('ZADD', key, ARGV[7], ARGV[1])
    redis.call('ZREMRANGEBYSCORE', key, '-inf', ARGV[7] - kept * 1000)
    redis.call('EXPIRE', key, kept)
  end
end
