-- Claims due jobs of arq's queue in one go: each is due again when the lease ends.
-- KEYS  1 queue
-- ARGV  1 lease ms  2 most  3 arq's prefix of in-progress keys (the ids carry the hash tag)
-- Answers {wait until the next due job ms, or -1, id, score, id, score, ...}
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = {-1}
local due = redis.call('ZRANGE', KEYS[1], '-inf', server, 'BYSCORE', 'LIMIT', 0, ARGV[2], 'WITHSCORES')
for index = 1, #due, 2 do
  redis.call('ZADD', KEYS[1], server + ARGV[1], due[index])
  redis.call('SET', ARGV[3] .. due[index], '1', 'PX', ARGV[1])
  answer[#answer + 1] = due[index]
  answer[#answer + 1] = due[index + 1]
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if first[2] then
  answer[1] = math.max(0, math.ceil(first[2] - server))
end
return answer
