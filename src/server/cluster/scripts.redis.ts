import { redisScript } from '../storage/redis/server.redis.js'

/**
 * Owners, in one slot. One is written as "controller link instance since": the controller that owns the key, what uses the
 * key there (an agent's link, and the process at its other end) with - for both where nothing does, and since when. It
 * lives as long as the key `lease:<controller>`, which is renewed by PEXPIRE alone, since Redis allows that even when its
 * memory is full.
 */
export const OWNER_LUA = `
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function alive(lease, controller)
  return redis.call('EXISTS', lease .. controller) == 1
end
local function parse(owner)
  if not owner then return nil end
  return string.match(owner, '^(%S+) (%S+) (%S+) (%d+)$')
end
`

/**
 * KEYS owners, mailbox. ARGV lease prefix, controller, key, message for the mailbox or '', channel of the mailbox, ms that a
 * mailbox is kept. Gives by whom it is owned, ms without use, and whether it was in use until its owner died.
 */
export const acquireScript = redisScript(`${OWNER_LUA}
local lease, me, key = ARGV[1], ARGV[2], ARGV[3]
local controller, link, _, since = parse(redis.call('HGET', KEYS[1], key))
local time = now()
if controller and (controller == me or alive(lease, controller)) then
  if controller == me then
    return {'here', link == '-' and time - tonumber(since) or 0, 0}
  end
  if ARGV[4] ~= '' then
    local id = redis.call('XADD', KEYS[2], 'MAXLEN', '~', 10000, '*', 'c', ARGV[4])
    redis.call('PEXPIRE', KEYS[2], ARGV[6])
    redis.call('PUBLISH', ARGV[5], id .. ' ' .. ARGV[4])
  end
  return {'there', 0, 0}
end
if link ~= '-' or not since then since = string.format('%d', time) end
redis.call('HSET', KEYS[1], key, me .. ' - - ' .. since)
return {'new', time - tonumber(since), link and link ~= '-' and 1 or 0}
`)

/** KEYS owners. ARGV controller, key. */
export const releaseScript = redisScript(`${OWNER_LUA}
local controller, link = parse(redis.call('HGET', KEYS[1], ARGV[2]))
if controller == ARGV[1] and link == '-' then return redis.call('HDEL', KEYS[1], ARGV[2]) end
return 0
`)

/** KEYS owners. ARGV lease prefix, keys that should have an owner. */
export const orphansScript = redisScript(`${OWNER_LUA}
local all, owned, lives, orphans = redis.call('HGETALL', KEYS[1]), {}, {}, {}
for at = 1, #all, 2 do
  local controller = parse(all[at + 1])
  if controller then
    if lives[controller] == nil then lives[controller] = alive(ARGV[1], controller) end
    owned[all[at]] = true
    if not lives[controller] then orphans[#orphans + 1] = all[at] end
  end
end
for at = 2, #ARGV do
  if not owned[ARGV[at]] then orphans[#orphans + 1] = ARGV[at] end
end
return orphans
`)

/** KEYS owners, mailbox. ARGV controller, key. Nothing where the controller is not the owner. */
export const mailScript = redisScript(`${OWNER_LUA}
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
export const countScript = redisScript(`${OWNER_LUA}
local count = 0
for _, controller in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if alive(ARGV[1], controller) then count = count + 1 end
end
return count
`)
