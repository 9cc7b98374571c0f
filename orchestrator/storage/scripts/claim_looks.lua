-- Claims live calls whose next look is due: each is due again when the lease ends, which is also
-- the token that the one who looks must show to put off the next look.
-- KEYS  1 looks
-- ARGV  1 lease ms  2 most  3 prefix of call keys (same hash tag, so the same slot)
--       4 a random number below 1000, which tells leases of the same moment apart
-- Answers {wait until the next due look ms, or -1,
--          {id, lease, revision, document, private, ms since it was told of or -1, words}, ...}
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = {-1}
local due = redis.call('ZRANGE', KEYS[1], '-inf', server, 'BYSCORE', 'LIMIT', 0, ARGV[2])
for index, id in ipairs(due) do
  local lease = string.format('%.3f', server + ARGV[1] + (ARGV[4] + index) % 1000 / 1000)
  redis.call('ZADD', KEYS[1], lease, id)
  local known = redis.pcall('HMGET', ARGV[3] .. id, 'revision', 'document', 'private', 'told')
  if known[1] then
    local told, words = string.match(known[4] or '', '^(%d+)(.*)$')
    local since = told and math.max(0, server - tonumber(told)) or -1
    lease = redis.call('ZSCORE', KEYS[1], id)
    answer[#answer + 1] = {id, lease, known[1], known[2], known[3], since, words or ''}
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if first[2] then
  answer[1] = math.max(0, math.ceil(first[2] - server))
end
return answer
