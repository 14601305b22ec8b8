import { readFileSync } from 'node:fs'
import { checkPolicy } from '../../access/check.js'
import {
  type AccessExplanation,
  type ExplainRequest,
  NO_POLICY,
  type PolicyFault,
} from '../../shared/access/explain.js'
import type { AccessPolicyInput } from '../../shared/access/policy.js'
import { policySchema } from '../../shared/access/policy.js'
import { messageOf, OgentError } from '../../shared/errors.js'
import { LocalError } from '../errors/next-step.js'
import { UsageError } from '../errors/report.js'
import { printable, write, writeJson } from '../output/output.js'
import { writeTable } from '../output/table.js'
import { type ConnectionFlags, connect } from '../session/connect.js'
import { toCommand } from '../session/request.js'

/** Agents that an explanation for people names. */
const SHOWN_AGENTS = 20

/** `ogent access show`: the policy with its tag, as `apply` takes it. */
export async function showPolicy(flags: ConnectionFlags): Promise<number> {
  const ogent = await connect(flags)
  try {
    const { policy, etag, saved_at, saved_by } = await ogent.policy.get()
    if (saved_at === null)
      process.stderr.write('ogent: no policy was saved: the built-in roles count alone\n')
    else process.stderr.write(`ogent: saved by ${printable(saved_by ?? '')} at ${saved_at}\n`)
    await write(process.stdout, `${JSON.stringify({ etag, policy }, null, 2)}\n`)
    return 0
  } finally {
    await ogent.close()
  }
}

/** `ogent access apply FILE`: saves a policy; with the tag that `show` printed, only in the place of that one. */
export async function applyPolicy(
  file: string,
  flags: ConnectionFlags & { json?: boolean },
): Promise<number> {
  const { policy, etag } = readPolicy(file)
  const ogent = await connect(flags)
  try {
    const tag = etag ?? (await ogent.policy.get()).etag
    const saved = await ogent.policy.save(policy, tag)
    const from = file === '-' ? 'on the standard input' : `of ${printable(file)}`
    if (flags.json) await writeJson({ etag: saved.etag, saved_at: saved.saved_at })
    else process.stdout.write(`The policy ${from} is in force.\n`)
    return 0
  } catch (error) {
    if (!(error instanceof OgentError) || !error.issues) throw error
    await printFaults(error.issues, flags.json)
    return 1
  } finally {
    await ogent.close()
  }
}

/** `ogent access check FILE`: what is wrong with a policy, its tests among it; no controller is asked. */
export async function checkPolicyFile(file: string, flags: { json?: boolean }): Promise<number> {
  const parsed = policySchema.safeParse(readPolicy(file).policy)
  const faults = parsed.success
    ? checkPolicy(parsed.data)
    : parsed.error.issues.map(({ path, message, code }) => ({
        loc: path.map((part) => (typeof part === 'number' ? part : String(part))),
        msg: message,
        type: code ?? 'invalid',
      }))
  if (faults.length > 0) {
    await printFaults(faults, flags.json)
    return 1
  }
  if (flags.json) await writeJson({ ok: true, faults: [] })
  else {
    const tests = parsed.data?.tests.length ?? 0
    process.stdout.write(
      `${printable(file)} can be saved: ${tests === 1 ? '1 test holds' : `${tests} tests hold`}.\n`,
    )
  }
  return 0
}

export type ExplainFlags = ConnectionFlags & {
  as?: string
  selector?: string
  action?: ExplainRequest['action']
  target?: 'local' | 'ssh'
  env?: string[]
  stdin?: boolean
  cwd?: string
  timeout?: number
  json?: boolean
}

/** `ogent access explain`: whether something is allowed, and why. Exits with 1 where it is not. */
export async function explainAccess(words: string[] | undefined, flags: ExplainFlags): Promise<number> {
  const { as, selector: agents, action, target, env, stdin, cwd, timeout: timeout_seconds } = flags
  const command = words && words.length > 0 ? toCommand(words) : undefined
  const asked = { as, agents, action, command, target, env, stdin, cwd, timeout_seconds }
  const given = Object.entries(asked).filter(([, value]) => value !== undefined)
  const ogent = await connect(flags)
  try {
    const explanation = await ogent.access.explain(Object.fromEntries(given))
    await (flags.json ? writeJson(explanation) : print(explanation))
    return explanation.verdict === 'allow' ? 0 : 1
  } finally {
    await ogent.close()
  }
}

const verdicts = { allow: 'allowed', deny: 'denied', approval: 'takes an approval' }

async function print({
  verdict,
  grant,
  reason,
  obligations,
  agents,
  considered,
}: AccessExplanation): Promise<void> {
  const by = grant === undefined ? '' : ` by ${grant}`
  await write(process.stdout, `${verdicts[verdict]}${printable(by)}\n${printable(reason)}\n`)
  const { max_timeout_seconds: limit } = obligations
  if (limit !== undefined) process.stdout.write(`The time limit is ${limit} s at most.\n`)
  if (agents.length > 1) {
    const shown = agents.slice(0, SHOWN_AGENTS)
    process.stdout.write('\n')
    await writeTable([
      ['AGENT', ...shown.map(({ agent_id }) => agent_id)],
      ['VERDICT', ...shown.map((each) => verdicts[each.verdict])],
      ['WHY', ...shown.map((each) => each.reason)],
    ])
    if (agents.length > shown.length)
      process.stdout.write(`… and ${agents.length - shown.length} more: --json\n`)
  }
  if (considered.length === 0) return
  process.stdout.write('\n')
  await writeTable([
    ['GRANT', ...considered.map((each) => each.grant)],
    ['EFFECT', ...considered.map((each) => each.effect)],
    ['FITS', ...considered.map(({ fits }) => (fits ? 'yes' : 'no'))],
    ['WHAT IT WANTS', ...considered.map(({ failed }) => failed ?? '')],
  ])
}

async function printFaults(faults: PolicyFault[], json: boolean | undefined): Promise<void> {
  if (json) return writeJson({ ok: false, faults })
  for (const { loc, msg } of faults) {
    const place = loc.filter((part) => part !== 'policy' && part !== 'body').join('.')
    process.stderr.write(`ogent: ${printable(place === '' ? msg : `${place}: ${msg}`)}\n`)
  }
}

/** A policy by itself, or with its tag, as `show` prints it. The schema is the controller's to apply. */
function readPolicy(file: string): { policy: AccessPolicyInput; etag: string | undefined } {
  let text: string
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (cause) {
    throw new LocalError(
      `${file} cannot be read: ${messageOf(cause)}`,
      'Name a file with a policy, or - for the standard input.',
      cause,
    )
  }
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch (cause) {
    throw new UsageError(`${file} is no JSON: ${messageOf(cause)}`)
  }
  if (typeof read !== 'object' || read === null)
    throw new UsageError(`${file} has no policy: it takes an object`)
  if (!('policy' in read)) return { policy: read, etag: undefined }
  const etag = 'etag' in read && typeof read.etag === 'string' ? read.etag : undefined
  // Parsed by the controller, or by `check`.
  return { policy: read.policy as AccessPolicyInput, etag: etag === NO_POLICY ? NO_POLICY : etag }
}
