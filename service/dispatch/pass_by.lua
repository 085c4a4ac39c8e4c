-- Puts back what a worker has taken and cannot begin now, behind others.
--
-- KEYS: the window, a sorted set; the clocks, a hash
-- ARGV: span of a class; by how much later; then for each: member, score
--
-- Its flow goes on from there, so that what comes later does not overtake it. It stays in its class,
-- however often it is put back.

local span, later = tonumber(ARGV[1]), tonumber(ARGV[2])
for i = 3, #ARGV, 2 do
    local member, before = ARGV[i], tonumber(ARGV[i + 1])
    local class = math.floor(before / span)
    local score = math.min(before + later, class * span + span - 1)
    local flow = class .. ':' .. string.match(member, '^[^:]*')
    redis.call('ZADD', KEYS[1], 'NX', score, member)
    local clock = tonumber(redis.call('HGET', KEYS[2], flow) or '0') or 0
    redis.call('HSET', KEYS[2], flow, math.max(clock, score - class * span))
end
