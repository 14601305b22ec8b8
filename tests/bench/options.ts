import { cpus } from 'node:os'
import { parseArgs } from 'node:util'

/** What one run measures, and how much of it. */
export type Options = {
  /** Instead of the peers: the embedded store beside Redis, with one and two controllers. */
  redis: boolean
  quick: boolean
  large: boolean
  /** Numbers of the works to run, 1 to 9. */
  works: number[]
  /** Where CPU profiles of every process go; undefined: none are taken. */
  profiles: string | undefined
  sizes: Sizes
}

export type Sizes = {
  /** Turns of each work: in every turn each peer has its go. */
  rounds: number
  /** Works 1, 6 and 9, commands one after another in a round. */
  sequence: number
  /** Work 2, commands in a round. */
  burst: number
  bulkBytes: number
  firstBytes: number
  firstByteRounds: number
  fleet: number
  /** Work 6, commands with 100 in flight in a round. */
  crowded: number
  /** Work 7, numbers of attached agents. */
  attached: number[]
  idleSeconds: number
  followers: number
  followedBytes: number
}

const ALL = [1, 2, 3, 4, 5, 6, 7, 8, 9]

const FULL: Sizes = {
  rounds: 5,
  sequence: 40,
  burst: 1000,
  bulkBytes: 200_000_000,
  firstBytes: 6,
  firstByteRounds: 4,
  fleet: 100,
  crowded: 1000,
  attached: [2000],
  idleSeconds: 20,
  followers: 100,
  followedBytes: 10_000_000,
}

const QUICK: Sizes = {
  rounds: 2,
  sequence: 20,
  burst: 200,
  bulkBytes: 50_000_000,
  firstBytes: 6,
  firstByteRounds: 1,
  fleet: 30,
  crowded: 500,
  attached: [300],
  idleSeconds: 3,
  followers: 20,
  followedBytes: 5_000_000,
}

export const USAGE = `npm run bench -- [redis] [options]
  redis            the embedded store beside Redis with one and two controllers, instead of the peers
  --quick          smaller sizes, in under 90 seconds
  --large          work 7 with 10,000 agents too
  --only 1,3       these works alone
  --cpu-prof DIR   write a CPU profile of every Node process into DIR`

/** Throws with one sentence on what it cannot read. */
export function readOptions(argv: string[]): Options {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      large: { type: 'boolean', default: false },
      only: { type: 'string' },
      'cpu-prof': { type: 'string' },
    },
  })
  const works = values.only === undefined ? ALL : values.only.split(',').map(Number)
  const wrong = works.filter((work) => !ALL.includes(work))
  if (wrong.length > 0) throw new Error('--only takes numbers from 1 to 9, with commas between them.')
  if (positionals.some((word) => word !== 'redis')) throw new Error('The only word that it takes is redis.')
  const sizes = values.quick ? QUICK : FULL
  return {
    redis: positionals.length > 0,
    quick: values.quick,
    large: values.large,
    works,
    profiles: values['cpu-prof'],
    sizes: values.large ? { ...sizes, attached: [...sizes.attached, 10_000] } : sizes,
  }
}

/** Whether these options make the run that `docs/performance.md` holds. */
export function isFullRun(options: Options): boolean {
  return !options.quick && options.profiles === undefined && options.works.length === ALL.length
}

/** Processes over which many agents are spread. */
export const spread = Math.max(2, Math.min(4, cpus().length))
