import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BackgroundProgram } from './background.js'
import { type Consumer, nodeTypes, packedConsumer } from './consumer.js'
import { until } from './processes.js'
import { type Ended, run } from './program.js'
import { readRepository, type Sample, sampleNamed, samplesOf } from './samples.js'

/** A project that has the packed tarball, and a controller with one agent, as whoever copies from a document has them. */
export class Workplace implements AsyncDisposable {
  private constructor(
    readonly consumer: Consumer,
    readonly started: BackgroundProgram,
    readonly url: string,
  ) {}

  /** By the README's own sample, changed in one place: the package is installed here, not checked out, and built. */
  static async start(): Promise<Workplace> {
    const consumer = packedConsumer([...nodeTypes, '@types/ws', 'eventsource', 'eventsource-parser'])
    const shown = sampleNamed(samplesOf(readRepository('README.md')), 'start').code
    const start = shown.replace('npm start', 'exec node_modules/.bin/ogent start')
    const env = { PORT: '0', HOME: homeIn(consumer) }
    const started = new BackgroundProgram('bash', ['-c', start], { cwd: consumer.path, env })
    const workplace = new Workplace(consumer, started, await started.line(/^Ogent controller on (\S+)$/))
    await until('the local agent is there', () => workplace.isConnected('local'))
    return workplace
  }

  /** The environment that its programs run in: nothing of whoever runs the tests. */
  get env(): Record<string, string> {
    // The system's Python has the system's packages; another one that comes first in the PATH does not.
    return { HOME: homeIn(this.consumer), PATH: `/usr/bin:${process.env.PATH}` }
  }

  async agents(): Promise<{ agent_id: string; status: string; labels: object }[]> {
    const body = new URLSearchParams({ username: 'admin', password: 'choose-a-password' })
    const login = await fetch(`${this.url}/token`, { method: 'POST', body })
    const { access_token } = (await login.json()) as { access_token: string }
    const reply = await fetch(`${this.url}/agents`, { headers: { authorization: `Bearer ${access_token}` } })
    return (await reply.json()) as { agent_id: string; status: string; labels: object }[]
  }

  async isConnected(agent_id: string): Promise<boolean> {
    const agents = await this.agents()
    return agents.some((agent) => agent.agent_id === agent_id && agent.status === 'connected')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.started.stop()
    this.consumer[Symbol.dispose]()
  }
}

function homeIn(consumer: Consumer): string {
  const home = join(consumer.path, 'home')
  mkdirSync(home, { recursive: true })
  return home
}

/** One document, whose samples are run in a workplace. */
export class Document {
  readonly samples: Sample[]
  readonly #workplace: Workplace
  readonly #name: string

  constructor(path: string, workplace: Workplace) {
    this.samples = samplesOf(readRepository(path))
    this.#workplace = workplace
    this.#name = path.replaceAll(/\W+/g, '-')
  }

  /** A sample with the address of this run in it. */
  code(name: string, kind: Sample['kind'] = 'sample'): string {
    const host = this.#workplace.url.replace('http://', '')
    return sampleNamed(this.samples, name, kind).code.replaceAll('localhost:8001', host)
  }

  /** Runs these, in this order, in one shell: what one sets, the next ones use. */
  async runInOneShell(names: string[]): Promise<void> {
    const { consumer, env } = this.#workplace
    mkdirSync(this.#said(), { recursive: true })
    const steps = names.map(
      (name) =>
        `{\n${this.code(name)}} > ${this.#said(name)}.out 2> ${this.#said(name)}.err\necho $? > ${this.#said(name)}.code`,
    )
    const script = join(consumer.path, `${this.#name}.sh`)
    writeFileSync(script, `set -u\n${steps.join('\n')}\n`)
    await run('bash', [script], { cwd: consumer.path, env, timeoutMs: 540_000 })
  }

  outputOf(name: string): Ended & { code: number } {
    const read = (part: string) => readFileSync(`${this.#said(name)}.${part}`, 'utf8')
    return { code: Number(read('code')), stdout: read('out'), stderr: withoutNpm(read('err')) }
  }

  /** Type-checks these as strictly as can be, and compiles them. */
  async compile(names: string[]): Promise<void> {
    const sources = names.map((name) => [this.#fileOf(name), this.code(name)])
    await this.#workplace.consumer.compile(Object.fromEntries(sources), {
      types: ['node'],
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      noImplicitReturns: true,
    })
  }

  runCompiled(name: string): Promise<Ended> {
    const { consumer, env } = this.#workplace
    return run(process.execPath, [`${this.#fileOf(name)}.js`], { cwd: consumer.path, env })
  }

  #fileOf(name: string): string {
    return `${this.#name}-${name}`
  }

  #said(name = ''): string {
    return join(this.#workplace.consumer.path, 'said', this.#name, name)
  }
}

/** npm has opinions about the settings of whoever runs this. */
function withoutNpm(text: string): string {
  return text.replaceAll(/^npm (warn|notice).*\n/gm, '')
}

/** Optional fields, which an agent may leave out. */
const optional = ['ssh_status', 'ssh_error']

/** The same value with every text, number and null by its kind; null and text are one, as documented values vary. */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf)
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([key]) => !optional.includes(key))
    return Object.fromEntries(fields.map(([key, item]) => [key, shapeOf(item)]))
  }
  return value === null || typeof value === 'string' ? 'text' : typeof value
}
