import { redisScript } from '../storage/redis/server.redis.js'

/**
 * What controllers share about agents, in one slot. A keeper is written as "controller sid instance since", with -
 * for sid and instance where there is no link; it lives as long as the key `lease:<controller>`, which is renewed by
 * PEXPIRE alone, since Redis allows that even when its memory is full.
 */

const COMMON = `
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function alive(lease, controller)
  return redis.call('EXISTS', lease .. controller) == 1
end
local function parse(keeper)
  if not keeper then return nil end
  return string.match(keeper, '^(%S+) (%S+) (%S+) (%d+)$')
end
local function tell(channel, version, agent)
  redis.call('PUBLISH', channel, redis.call('INCR', version) .. ' ' .. agent)
end
`

/** KEYS keepers, known, version, owners. ARGV lease prefix, channel, controller, agent, sid, instance, user, admin, JSON. */
export const takeScript = redisScript(`${COMMON}
local lease, channel, me, agent, sid, instance = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local owner = redis.call('HGET', KEYS[4], agent)
if owner and owner ~= ARGV[7] and ARGV[8] ~= '1' then return {'forbidden'} end
local controller, held, other = parse(redis.call('HGET', KEYS[1], agent))
if held and held ~= '-' and other ~= instance and alive(lease, controller) then return {'taken'} end
redis.call('HSET', KEYS[1], agent, me .. ' ' .. sid .. ' ' .. instance .. ' ' .. string.format('%d', now()))
redis.call('HSETNX', KEYS[4], agent, ARGV[7])
redis.call('HSET', KEYS[2], agent, ARGV[9])
tell(channel, KEYS[3], agent)
return {'ok', owner or ARGV[7]}
`)

/** KEYS keepers, known, version. ARGV channel, controller, agent, sid, JSON. */
export const leaveScript = redisScript(`${COMMON}
local _, held = parse(redis.call('HGET', KEYS[1], ARGV[3]))
if held ~= ARGV[4] then return 0 end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[2] .. ' - - ' .. string.format('%d', now()))
redis.call('HSET', KEYS[2], ARGV[3], ARGV[5])
tell(ARGV[1], KEYS[3], ARGV[3])
return 1
`)

/** KEYS keepers, known, version. ARGV channel, agent, sid, JSON. What a link says anew of its agent. */
export const updateScript = redisScript(`${COMMON}
local _, held = parse(redis.call('HGET', KEYS[1], ARGV[2]))
if held ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
tell(ARGV[1], KEYS[3], ARGV[2])
return 1
`)

/**
 * KEYS keepers, known, version, inbox. ARGV lease prefix, channel, controller, agent, JSON of the agent without its
 * link or '', command for the inbox or '', channel of the inbox, ms that an inbox is kept.
 */
export const keepScript = redisScript(`${COMMON}
local lease, channel, me, agent = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local controller, sid, _, since = parse(redis.call('HGET', KEYS[1], agent))
local time = now()
if controller and (controller == me or alive(lease, controller)) then
  if controller == me then
    return {'here', sid == '-' and time - tonumber(since) or 0}
  end
  if ARGV[6] ~= '' then
    local id = redis.call('XADD', KEYS[4], 'MAXLEN', '~', 10000, '*', 'c', ARGV[6])
    redis.call('PEXPIRE', KEYS[4], ARGV[8])
    redis.call('PUBLISH', ARGV[7], id .. ' ' .. ARGV[6])
  end
  return {'there', 0}
end
if sid ~= '-' or not since then since = string.format('%d', time) end
redis.call('HSET', KEYS[1], agent, me .. ' - - ' .. since)
if sid and sid ~= '-' then
  if ARGV[5] ~= '' then redis.call('HSET', KEYS[2], agent, ARGV[5]) end
  tell(channel, KEYS[3], agent)
end
return {'new', time - tonumber(since)}
`)

/** KEYS keepers, known, version, owners. ARGV lease prefix, channel, agent. Its keeper goes on with what is open. */
export const forgetScript = redisScript(`${COMMON}
local controller, sid = parse(redis.call('HGET', KEYS[1], ARGV[3]))
if sid and sid ~= '-' and alive(ARGV[1], controller) then return 0 end
if sid and sid ~= '-' then redis.call('HDEL', KEYS[1], ARGV[3]) end
redis.call('HDEL', KEYS[2], ARGV[3])
redis.call('HDEL', KEYS[4], ARGV[3])
tell(ARGV[2], KEYS[3], ARGV[3])
return 1
`)

/** KEYS keepers. ARGV controller, agent. */
export const releaseScript = redisScript(`${COMMON}
local controller, sid = parse(redis.call('HGET', KEYS[1], ARGV[2]))
if controller == ARGV[1] and sid == '-' then return redis.call('HDEL', KEYS[1], ARGV[2]) end
return 0
`)

/** KEYS keepers. ARGV lease prefix, agents that should have a keeper. */
export const orphansScript = redisScript(`${COMMON}
local all, kept, lives, orphans = redis.call('HGETALL', KEYS[1]), {}, {}, {}
for at = 1, #all, 2 do
  local controller = parse(all[at + 1])
  if controller then
    if lives[controller] == nil then lives[controller] = alive(ARGV[1], controller) end
    kept[all[at]] = true
    if not lives[controller] then orphans[#orphans + 1] = all[at] end
  end
end
for at = 2, #ARGV do
  if not kept[ARGV[at]] then orphans[#orphans + 1] = ARGV[at] end
end
return orphans
`)

/** KEYS keepers, inbox. ARGV controller, agent. Nothing where the controller is not the keeper. */
export const inboxScript = redisScript(`${COMMON}
local controller = parse(redis.call('HGET', KEYS[1], ARGV[2]))
if controller ~= ARGV[1] then return false end
local out = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 500)) do
  out[#out + 1] = entry[1]
  out[#out + 1] = entry[2][2]
end
return out
`)

/** KEYS attendants. ARGV lease prefix. */
export const attendedScript = redisScript(`${COMMON}
local count = 0
for _, controller in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if alive(ARGV[1], controller) then count = count + 1 end
end
return count
`)
