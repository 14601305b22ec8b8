import { OWNER_LUA } from '../cluster/scripts.redis.js'
import { redisScript } from '../storage/redis/server.redis.js'

/** What controllers share about agents, in the slot of the owners: an agent's link is what uses its key. */
const COMMON = `${OWNER_LUA}
local function tell(channel, version, agent)
  redis.call('PUBLISH', channel, redis.call('INCR', version) .. ' ' .. agent)
end
`

/** KEYS owners, known, version, accounts. ARGV lease prefix, channel, controller, agent, sid, instance, user, admin, JSON. */
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

/** KEYS owners, known, version. ARGV channel, controller, agent, sid, JSON. */
export const leaveScript = redisScript(`${COMMON}
local _, held = parse(redis.call('HGET', KEYS[1], ARGV[3]))
if held ~= ARGV[4] then return 0 end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[2] .. ' - - ' .. string.format('%d', now()))
redis.call('HSET', KEYS[2], ARGV[3], ARGV[5])
tell(ARGV[1], KEYS[3], ARGV[3])
return 1
`)

/** KEYS owners, known, version. ARGV channel, agent, sid, JSON. What a link says anew of its agent. */
export const updateScript = redisScript(`${COMMON}
local _, held = parse(redis.call('HGET', KEYS[1], ARGV[2]))
if held ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
tell(ARGV[1], KEYS[3], ARGV[2])
return 1
`)

/** KEYS owners, known, version, accounts. ARGV lease prefix, channel, agent. Its owner goes on with what is open. */
export const forgetScript = redisScript(`${COMMON}
local controller, sid = parse(redis.call('HGET', KEYS[1], ARGV[3]))
if sid and sid ~= '-' and alive(ARGV[1], controller) then return 0 end
if sid and sid ~= '-' then redis.call('HDEL', KEYS[1], ARGV[3]) end
redis.call('HDEL', KEYS[2], ARGV[3])
redis.call('HDEL', KEYS[4], ARGV[3])
tell(ARGV[2], KEYS[3], ARGV[3])
return 1
`)
