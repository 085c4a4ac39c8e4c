-- Puts dispatches into a window of fair order: start-time fair queueing.
--
-- KEYS: the window, a sorted set; hashes of the clocks, the spilled flows, and the rates
-- ARGV: most members of the window; credit; span of a class; '1' for a refill; wake channel;
--       the highest rate; JSON, an array for each dispatch: member, class, service, cost, whether it
--       was taken before
-- Gives how many were added. The channel is told how many of them go before all that waited of
-- other services.
--
-- A flow is what one service has waiting of one class, named class:service.
--
-- A score is class * span + start. A dispatch starts where the one before it of its flow ended, but
-- no earlier than `credit` before the virtual time: the least start that waits. So flows advance
-- side by side, each by its cost, and one that was idle goes first for a while. The cost is
-- multiplied by the service's rate: what its jobs have really taken. What was taken before starts
-- before all that its flow has waiting.
--
-- A full window refuses what would be its last, or gives up its last for what comes before it;
-- the flow is then spilled: all that follows waits in Postgres, until a refill has reached it.

local window, clocks, spilled = KEYS[1], KEYS[2], KEYS[3]
local most, credit, span = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local refill, channel = ARGV[4] == '1', ARGV[5]
local most_rate = tonumber(ARGV[6])

local times, known, changed, rates = {}, {}, {}, {}
local size = redis.call('ZCARD', window)
local heads = redis.call('ZRANGE', window, 0, 31, 'WITHSCORES')
local added, ahead = 0, 0

local function number(field)
    if not known[field] then known[field] = tonumber(redis.call('HGET', clocks, field) or '0') or 0 end
    return known[field]
end

local function set(field, value)
    known[field], changed[field] = value, true
end

local function virtual_time(class)
    if not times[class] then
        local first = redis.call('ZRANGEBYSCORE', window, class * span, class * span + span - 1,
                                 'WITHSCORES', 'LIMIT', 0, 1)
        local start = first[2] and tonumber(first[2]) - class * span or number('end:' .. class)
        times[class] = math.max(start, number('now:' .. class), credit + 1)
        set('now:' .. class, times[class])
    end
    return times[class]
end

local function rate(service)
    if not rates[service] then
        local told = tonumber(redis.call('HGET', KEYS[4], service) or '1') or 1
        rates[service] = math.min(most_rate, math.max(1, told)) -- NaN is 1, in this order
    end
    return rates[service]
end

local function goes_before_others(score, service)
    for i = 1, #heads, 2 do
        if string.match(heads[i], '^[^:]*') ~= service then return score < tonumber(heads[i + 1]) end
    end
    return false
end

local function spill(flow)
    redis.call('HINCRBY', spilled, flow, 1)
end

local function give_up_last()
    local last = redis.call('ZPOPMAX', window)
    local class = math.floor(tonumber(last[2]) / span)
    local flow = class .. ':' .. string.match(last[1], '^[^:]*')
    set(flow, tonumber(last[2]) - class * span)
    spill(flow)
    size = size - 1
end

local function add(member, class, flow, cost, again)
    local start = virtual_time(class) - credit
    if again then start = start - 1 else start = math.max(start, number(flow)) end
    start = math.min(start, span - 1) -- the next class begins there
    local score = class * span + start
    if size >= most then
        local last = redis.call('ZREVRANGE', window, 0, 0, 'WITHSCORES')
        if score >= tonumber(last[2]) then return spill(flow) end
        give_up_last()
    end
    redis.call('ZADD', window, score, member)
    if not again then
        set(flow, start + cost)
        set('end:' .. class, math.max(start + cost, number('end:' .. class)))
    end
    size = size + 1
    added = added + 1
    if goes_before_others(score, string.match(member, '^[^:]*')) then ahead = ahead + 1 end
end

for _, dispatch in ipairs(cjson.decode(ARGV[7])) do
    local member, class, service, cost, again = unpack(dispatch)
    local flow = class .. ':' .. service
    local there = redis.call('ZSCORE', window, member)
    if there and tonumber(there) >= class * span + span then -- its priority has been raised
        redis.call('ZREM', window, member)
        size = size - 1
        there = false
    end
    if not there then
        if not refill and redis.call('HEXISTS', spilled, flow) == 1 then
            spill(flow)
        else
            add(member, class, flow, cost * rate(service), again)
        end
    end
end
for field in pairs(changed) do redis.call('HSET', clocks, field, known[field]) end
if added > 0 then redis.call('PUBLISH', channel, ahead) end
return added
