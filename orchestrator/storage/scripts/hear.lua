-- Notes a notice of a session, and says whether it tells anything that no later one has told.
-- KEYS  1 heard  2 feed
-- ARGV  1 this request's own id: sent twice it is answered the same  2 time of the notice ms
--       3 TTL s  4 the present, RFC 3339  5 sequence, 0 where there is none  6... ids of parties
-- Answers {1 where it is news, time of the session's first notice ms}
local first = redis.call('HGET', KEYS[1], 'began')
if not first or tonumber(ARGV[2]) < tonumber(first) then
  first = ARGV[2]
  redis.call('HSET', KEYS[1], 'began', first)
end
local sequence = tonumber(ARGV[5])
local news = sequence == 0 or redis.call('HGET', KEYS[1], 'last') == ARGV[1]
for index = 6, #ARGV do
  local field = 'party:' .. ARGV[index]
  if sequence > tonumber(redis.call('HGET', KEYS[1], field) or -1) then
    redis.call('HSET', KEYS[1], field, sequence, 'last', ARGV[1])
    news = true
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HSET', KEYS[2], 'lastEvent', ARGV[4])
end
return {news and 1 or 0, tonumber(first)}
