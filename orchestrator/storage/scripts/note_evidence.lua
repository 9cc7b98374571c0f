-- Notes what a source said of a call; the same twice counts once. Of too many, the oldest that
-- holds a fault is dropped, else the oldest.
-- KEYS  1 evidence  2 call
-- ARGV  1 what was said, JSON  2 how many are kept
-- Answers {0} where the call is not kept any more, else {1}
local ttl = redis.call('TTL', KEYS[2])
if ttl < 0 then
  return {0}
end
local kept = redis.call('LRANGE', KEYS[1], 0, -1)
for _, one in ipairs(kept) do
  if one == ARGV[1] then
    return {1}
  end
end
redis.call('RPUSH', KEYS[1], ARGV[1])
if #kept >= tonumber(ARGV[2]) then
  local out = kept[1]
  for _, one in ipairs(kept) do
    if string.find(one, '"found":null', 1, true) then
      out = one
      break
    end
  end
  redis.call('LREM', KEYS[1], 1, out)
end
redis.call('EXPIRE', KEYS[1], ttl)
return {1}
