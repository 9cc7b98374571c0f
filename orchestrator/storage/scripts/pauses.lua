-- The pauses: a hash of `house` and of `key:<owner>`, each with its JSON;
-- begins every script that obeys or ends one.

-- The pause that an owner's calls wait for, or nil.
local function pause_of(pauses, owner)
  local found = redis.call('HMGET', pauses, 'house', 'key:' .. owner)
  return found[1] or found[2] or nil
end
