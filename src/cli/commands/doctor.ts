import { styleText } from 'node:util'
import { z } from 'zod'
import { proxyFor } from '../../client/transport/proxy.js'
import { packageVersion } from '../../host/version.js'
import { messageOf, OgentError } from '../../shared/errors.js'
import { checkClock, checkDisk, checkEncryption, checkStore } from '../doctor/controller-checks.js'
import { type Finding, fail, ok } from '../doctor/finding.js'
import { checkAgents, checkVersions } from '../doctor/version-checks.js'
import { explained } from '../errors/next-step.js'
import { printable, withoutPasswords, write, writeJson } from '../output/output.js'
import { askController } from '../session/ask-controller.js'
import { type ConnectionFlags, connect, tokenFor, trust } from '../session/connect.js'
import { placeOf } from '../session/place.js'

/** `ogent doctor`: what may be wrong between here and the agents, each with what to do. Exits with 1 where something is. */
export async function doctorCommand(flags: ConnectionFlags & { json?: boolean }): Promise<number> {
  let failed = false
  for await (const finding of findings(flags)) {
    failed ||= finding.state === 'fail'
    await (flags.json ? writeJson({ fix: null, ...finding }) : write(process.stdout, forPeople(finding)))
  }
  return failed ? 1 : 0
}

const welcomeSchema = z.object({ message: z.string(), version: z.string() })

/** In the order in which one thing takes the other: what comes after a failure would only fail again. */
async function* findings(flags: ConnectionFlags): AsyncGenerator<Finding, void> {
  const { url, by } = placeOf(flags)
  const { ca } = trust()
  const shown = withoutPasswords(url)
  const welcome = await tried('address', () => askController(url, '', { ca }))
  if ('check' in welcome) return yield welcome
  const { data } = welcomeSchema.safeParse(parsed(welcome.text))
  if (!data) {
    return yield fail(
      'address',
      `what answers at ${shown} is no controller (status ${welcome.status})`,
      `Name its address, which comes from ${by} now: --url, OGENT_URL, ogent context`,
    )
  }
  yield ok('address', `${shown} (${by}) answers in ${welcome.roundTripMs} ms`)
  yield await checkEncryption(url, ca, proxyFor(new URL(url)) !== undefined)
  yield checkClock(welcome)
  yield checkVersions(packageVersion(), data.version)
  const token = await tried('login', () => tokenFor(flags))
  const asked = 'check' in token ? { ca } : { ca, token: token.token }
  const ready = await tried('store', () => askController(url, 'ready', asked))
  yield* 'check' in ready ? [ready] : checkStore(ready)
  if ('check' in token) return yield token
  yield* await knownToUsers(flags, data.version, { url, ca, token: token.token })
}

/** What takes a login. */
async function knownToUsers(
  flags: ConnectionFlags,
  version: string,
  { url, ...asked }: { url: string; ca: string | undefined; token: string },
): Promise<Finding[]> {
  const ogent = await connect(flags)
  try {
    const me = await tried('login', () => ogent.me())
    if ('check' in me) return [me]
    const login = ok('login', `${me.username} has the role ${me.role}`)
    const metrics = await tried('disk', () => askController(url, 'metrics', asked))
    const disk = 'check' in metrics ? metrics : checkDisk(metrics)
    const agents = await tried('agents', () => ogent.agents.list())
    return [login, disk, ...('check' in agents ? [agents] : checkAgents(agents, version))]
  } finally {
    await ogent.close()
  }
}

/** What a step gives, or why it failed with the next step that any command would name. */
async function tried<T extends object>(check: string, act: () => Promise<T>): Promise<T | Finding> {
  try {
    return await act()
  } catch (error) {
    const known =
      error instanceof OgentError
        ? error
        : new OgentError('CONNECTION_LOST', `No answer: ${messageOf(error)}.`)
    const { sentence, nextStep } = explained(known)
    return fail(check, withoutPasswords(sentence), nextStep)
  }
}

const colours = { ok: 'green', warn: 'yellow', fail: 'red', skip: 'dim' } as const
const WIDTH = 'encryption'.length

function forPeople({ check, state, says, fix }: Finding): string {
  const mark = styleText(colours[state], state.padEnd(4), { stream: process.stdout })
  const line = `${mark}  ${check.padEnd(WIDTH)}  ${printable(says)}\n`
  return fix === undefined ? line : `${line}${' '.repeat(WIDTH + 8)}${printable(fix)}\n`
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
