import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, expect, test } from 'vitest'
import { runOn } from '../../../suites/executor-suite.js'
import { sshTarget } from '../../../support/ssh-target.js'
import { throwAwayUser, whyNoSshd, whyNoUser } from '../../../support/sshd.js'

/** Reads what the process list shows to its user of processes that came after it, over and over; prints each text once that holds the word. */
const POLL = `
const { readdirSync, readFileSync } = require('fs')
const word = process.argv[1]
const seen = new Set()
console.log('ready')
process.stdin.resume().on('end', () => process.exit())
const old = new Set(readdirSync('/proc'))
const look = () => {
  for (const pid of readdirSync('/proc')) {
    if (old.has(pid) || !/^\\d+$/.test(pid)) continue
    for (const what of ['cmdline', 'environ']) {
      let text = ''
      try { text = readFileSync('/proc/' + pid + '/' + what, 'latin1') } catch { continue }
      if (!text.includes(word) || seen.has(text)) continue
      seen.add(text)
      console.log(JSON.stringify(text))
    }
  }
  setImmediate(look)
}
look()
`

/** What another user of this machine can see of the word meanwhile. */
async function spy(word: string, username: string) {
  const id = (flag: string) => Number(execFileSync('id', [flag, username]).toString())
  const child = spawn(process.execPath, ['-e', POLL, word], {
    uid: id('-u'),
    gid: id('-g'),
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  const reader = createInterface(child.stdout)
  await once(reader, 'line')
  reader.on('line', (line) => lines.push(line))
  return {
    lines,
    next: () => once(reader, 'line'),
    [Symbol.asyncDispose]: async () => {
      child.stdin.end()
      await once(child, 'exit')
    },
  }
}

const skip = whyNoSshd() ?? whyNoUser()
const title = 'the process list of an SSH target'
describe.skipIf(skip !== undefined)(skip === undefined ? title : `${title} (skipped: ${skip})`, () => {
  test('shows no secret of a command to other users', { timeout: 300_000 }, async () => {
    const secret = 'k-5ecret-0f-the-env'
    using user = throwAwayUser()
    await using watching = await spy(secret, user.username)
    await using target = await sshTarget({ settings: { timeoutMs: 30_000 } })
    const { executor } = target
    const spec = { env: { API_KEY: secret, UID: '77' }, stdin: secret }
    for (let round = 0; round < 50; round++) {
      const all = await Promise.all([0, 1, 2, 3].map(() => runOn(executor, 'echo "$API_KEY"; cat', spec)))
      for (const { stdout } of all) expect(stdout.toString()).toBe(`${secret}\n${secret}`)
    }
    expect(watching.lines).toEqual([])
    // It does see what is there to be seen.
    const seen = watching.next()
    await Promise.all([seen, runOn(executor, `sleep 5; : ${secret}`)])
  })

  test('shows the text of a command once, as the arguments of its shell', { timeout: 300_000 }, async () => {
    await using target = await sshTarget({ settings: { timeoutMs: 30_000 } })
    const { stdout } = await runOn(target.executor, 'tr "\\0" "|" </proc/$$/cmdline', {
      env: { A: 'b', UID: '77' },
    })
    expect(stdout.toString()).toBe('/bin/sh|-c|tr "\\0" "|" </proc/$$/cmdline|')
  })
})
