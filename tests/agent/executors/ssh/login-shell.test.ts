import { existsSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import type { Executor } from '../../../../src/agent/commands/ports.js'
import { killLeftovers, outcomeOf, runOn, startOn } from '../../../suites/executor-suite.js'
import { processesOf } from '../../../support/processes.js'
import { sshTarget } from '../../../support/ssh-target.js'
import { throwAwayUser, whyNoSshd, whyNoUser } from '../../../support/sshd.js'

const skip = whyNoSshd()
const noUser = whyNoUser()
const GUARD = { timeout: 300_000 }
const settings = { timeoutMs: 30_000 }

const WORDS = 'echo read kill cd sleep grep tr cat printf command test date uname setsid'
const SPECIAL = 'eval exec export set shift unset'
const functions = (words: string) =>
  words.split(' ').map((word) => `function ${word} { builtin printf "not ${word} "; return 9; }\n`)
const exported = (words: string) => words.split(' ').map((word) => `export -f ${word}\n`)
const aliases = (words: string) => words.split(' ').map((word) => `alias ${word}="builtin printf no "\n`)

const startFiles: [what: string, bashrc: string][] = [
  ['replaces words by functions', functions(WORDS).join('')],
  ['exports functions in the place of words', [...functions(WORDS), ...exported(WORDS)].join('')],
  ['replaces exec and its like by functions', functions(`${WORDS} ${SPECIAL}`).join('')],
  ['replaces words by aliases', ['shopt -s expand_aliases\n', ...aliases(`${WORDS} ${SPECIAL}`)].join('')],
  ['traces', 'set -x\n'],
  ['traces, for all shells below it', 'set -x\nexport SHELLOPTS\n'],
  ['takes every failure for an end', 'set -euo pipefail\n'],
  ['has traps', "trap 'echo debug' DEBUG\ntrap 'echo bye' EXIT\ntrap 'echo err' ERR\n"],
  ['has a PATH without programs', 'PATH=/nowhere\n'],
  ['has programs of its own in front', 'PATH=HOME/bin:$PATH\n'],
  ['splits at other signs', 'IFS=-/\nexport IFS\n'],
  ['names another shell', 'SHELL=/bin/bash\nexport SHELL POSIXLY_CORRECT=1\n'],
  ['has other words for its version', 'unset BASH_VERSION\nZSH_VERSION=5\nexport ZSH_VERSION\n'],
]

/** All that is said to a target: lines, environment, folder, failure, end. */
async function expectOwnWords(executor: Executor): Promise<void> {
  const lines = '/bin/echo one\n/bin/echo "$VALUE"\n/bin/echo three >&2\nexit 7'
  const spec = { env: { VALUE: 'a\n b' }, cwd: '/usr' }
  const { stdout, stderr, exit } = await runOn(executor, lines, spec)
  expect({ stdout: stdout.toString(), stderr: stderr.toString() }).toEqual({
    stdout: 'one\na\n b\n',
    stderr: 'three\n',
  })
  expect(exit).toEqual({ exit_code: 7, signal: null, reason: null })
  await expect(startOn(executor, 'true', { cwd: '/nowhere/at/all' })).rejects.toThrow('there is none such')
  const long = `${' '.repeat(128 * 1024 - 20)}\nexit 5`
  expect((await runOn(executor, long)).exit.exit_code).toBe(5)
  const execution = await startOn(executor, '/bin/sleep 300 & /bin/echo on; /bin/sleep 301')
  await execution.output[Symbol.asyncIterator]().next()
  execution.terminate(20_000)
  expect((await outcomeOf(execution)).exit.signal).toBe('SIGTERM')
  expect(processesOf(execution.command_id)).toEqual([])
}

const title = 'an SSH target'
describe.skipIf(skip !== undefined)(skip === undefined ? title : `${title} (skipped: ${skip})`, () => {
  afterEach(killLeftovers)

  test.each(startFiles)('runs commands unchanged when its bash %s', GUARD, async (_what, bashrc) => {
    await using target = await sshTarget({ settings, home: { '.bashrc': bashrc } })
    await expectOwnWords(target.executor)
    expect(target.executor.facts?.platform).toBe('Linux')
  })

  test('returns the output when its bash sends stderr elsewhere', GUARD, async () => {
    await using target = await sshTarget({ settings, home: { '.bashrc': 'exec 2>/dev/null\n' } })
    const { stdout, stderr } = await runOn(target.executor, 'echo out; echo err >&2')
    expect([stdout.toString(), stderr.toString()]).toEqual(['out\n', ''])
  })

  test('returns both outputs as one when its bash merges them', GUARD, async () => {
    await using target = await sshTarget({ settings, home: { '.bashrc': 'exec 2>&1\n' } })
    const { stdout } = await runOn(target.executor, 'echo out; echo err >&2')
    expect(stdout.toString()).toBe('out\nerr\n')
  })

  const others = noUser === undefined ? '' : ` (skipped: ${noUser})`
  describe.skipIf(noUser !== undefined)(`with another login shell${others}`, () => {
    test.each([
      ['/bin/dash', {}],
      ['/usr/bin/zsh', { '.zshenv': 'alias exec="print no"\necho() { print "not $*" }\nsetopt xtrace\n' }],
      ['/usr/bin/zsh', { '.zshenv': 'exec() { print "not $*" }\nread() { print no }\n' }],
      ['/usr/bin/fish', {}],
    ])('runs commands unchanged when it is %s with %o', GUARD, async (shell, home) => {
      if (!existsSync(shell)) return
      using user = throwAwayUser(shell)
      const { username, password } = user
      const config = ['PasswordAuthentication yes', 'UsePAM no']
      const own = { username, password, keyPath: undefined, ...settings }
      await using target = await sshTarget({ settings: own, sshd: { config }, home })
      await expectOwnWords(target.executor)
    })
  })
})
