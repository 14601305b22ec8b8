import { redisScript } from '../../storage/redis/server.redis.js'

/**
 * The journal's steps in Redis. A command has two keys: its head, a hash with the counters and the events that
 * change its record, and its log, a stream whose ids are the sequences.
 *
 * The first write of each script is one that Redis refuses when its memory is full, so a step is done or not done.
 */

/** What of a head every step answers with. */
const STANDING = `
local function state_fields(key)
  return redis.call('HMGET', key, 'seq', 'report', 'result', 'away', 'by', 'facts', 'lost')
end
`

/**
 * KEYS head, log. ARGV who makes it, record, order, on_disconnect, first event, ms since 1970 after which it is too
 * late: the caller has already had the answer that it failed; the hash of the request or '', and of the order
 * expires_at and max_output_bytes. Answers 'made', 'known' or 'late'. The maker that comes again, since it has not
 * heard the answer, made it.
 */
export const createScript = redisScript(`
local maker = redis.call('HGET', KEYS[1], 'maker')
if maker then return maker == ARGV[1] and 'made' or 'known' end
local now = redis.call('TIME')
if now[1] * 1000 + math.floor(now[2] / 1000) > tonumber(ARGV[6]) then return 'late' end
redis.call('HSET', KEYS[1], 'maker', ARGV[1], 'record', ARGV[2], 'order', ARGV[3], 'disc', ARGV[4],
  'seq', 1, 'report', 0, 'exp', ARGV[8], 'max', ARGV[9])
if ARGV[7] ~= '' then redis.call('HSET', KEYS[1], 'req', ARGV[7]) end
redis.call('XADD', KEYS[2], '1-0', 'e', ARGV[5])
return 'made'
`)

/**
 * KEYS head, log. ARGV channel, ms that an ended command is kept, then six for each draft: its report number or '',
 * 'e' where it must not follow a result, the sequence that must be the last or '', its kind, the text that changes
 * the record or '', the event.
 *
 * The rules are those of \`applyDrafts\` in ../state.ts. Kinds: s started, r result, l result that says lost, b agent_back,
 * a agent_lost, c cancel_requested, and o for all others. Answers nothing where the command is not known, else the
 * sequence of each draft or 0, whether a report before these is missing, and the state of the command.
 */
export const appendScript = redisScript(`${STANDING}
local head = redis.call('HMGET', KEYS[1], 'seq', 'report', 'result', 'lost', 'facts')
if not head[1] then return false end
local seq, report, result, lost = tonumber(head[1]), tonumber(head[2]), head[3], head[4] == '1'
local facts = head[5] or ''
local placed, gap, set, ended, revived, done = {}, 0, {}, false, false, false
local function put(field, value)
  set[#set + 1] = field
  set[#set + 1] = value
end
for at = 3, #ARGV, 6 do
  local number, kind, fact = tonumber(ARGV[at]), ARGV[at + 3], ARGV[at + 4]
  local fits = true
  if number and number ~= report + 1 then
    fits = false
    if number > report + 1 then gap = 1 end
  elseif number and result and not lost then
    fits = false
  elseif ARGV[at + 1] == 'e' and result then
    fits = false
  elseif ARGV[at + 2] ~= '' and tonumber(ARGV[at + 2]) ~= seq then
    fits = false
  end
  if fits then
    seq = seq + 1
    if number then
      report = number
      redis.call('XADD', KEYS[2], seq .. '-0', 'e', ARGV[at + 5], 'r', number)
    else
      redis.call('XADD', KEYS[2], seq .. '-0', 'e', ARGV[at + 5])
    end
    if kind == 'r' or kind == 'l' then
      -- What the agent itself says is no guess, though it be that the end is lost.
      result, lost, ended, revived = tostring(seq), kind == 'l' and not number, true, false
      -- Its order is of no use any more, regardless of what comes after.
      done = true
      put('done', 1)
    elseif kind == 'a' then
      put('away', 1)
    elseif kind == 'c' then
      put('by', fact)
      fact = ''
    elseif kind == 'b' then
      put('away', 0)
      if result then
        result, lost, ended, revived = false, false, false, true
      else
        fact = ''
      end
    end
    if fact ~= '' then facts = facts .. fact .. '\\n' end
    placed[#placed + 1] = seq
  else
    placed[#placed + 1] = 0
  end
end
if seq ~= tonumber(head[1]) then
  redis.call('HSET', KEYS[1], 'seq', seq, 'report', report, 'lost', lost and 1 or 0, 'facts', facts, unpack(set))
  if result then redis.call('HSET', KEYS[1], 'result', result) end
  if done then redis.call('HDEL', KEYS[1], 'order') end
  if revived then
    redis.call('HDEL', KEYS[1], 'result')
    redis.call('PERSIST', KEYS[1])
    redis.call('PERSIST', KEYS[2])
  elseif ended then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    redis.call('PEXPIRE', KEYS[2], ARGV[2])
  end
  redis.call('PUBLISH', ARGV[1], seq)
end
return {placed, gap, state_fields(KEYS[1])}
`)

/** KEYS head. Answers nothing where the command is not known. */
export const headScript = redisScript(`${STANDING}
local base = redis.call('HMGET', KEYS[1], 'record', 'disc', 'req', 'exp', 'max')
if not base[1] then return false end
-- A command of an earlier version says both in its order alone.
local order = not base[4] and redis.call('HGET', KEYS[1], 'order')
return {base, state_fields(KEYS[1]), order}
`)

/**
 * KEYS head, log. ARGV the first sequence, bytes, entries. Answers nothing where the command is not known, else its
 * state, then sequence, report or '', event, and so on: as many as fill the bytes, one at least. The size of those
 * before says how many to read next.
 */
export const readScript = redisScript(`${STANDING}
local state = state_fields(KEYS[1])
if not state[1] then return false end
local from, most, entries = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local out, bytes, count, step = {state}, 0, 0, 1
while from <= tonumber(state[1]) do
  local got = redis.call('XRANGE', KEYS[2], from .. '-0', '+', 'COUNT', step)
  for _, entry in ipairs(got) do
    local fields = entry[2]
    from = tonumber(string.match(entry[1], '^%d+')) + 1
    out[#out + 1] = from - 1
    out[#out + 1] = fields[4] or ''
    out[#out + 1] = fields[2]
    bytes = bytes + #fields[2]
    count = count + 1
    if bytes >= most or count >= entries then return out end
  end
  if #got < step then return out end
  step = math.max(1, math.min(256, math.floor((most - bytes) * count / bytes)))
end
return out
`)

/** KEYS by time, by agent, open. ARGV ms since 1970, command, its name among the open ones. */
export const indexScript = redisScript(`
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[3], 0, ARGV[3])
`)
