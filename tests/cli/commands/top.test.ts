import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { configOf, jsonLines, ogent as runOgent } from '../../support/ogent.js'
import { repository } from '../../support/samples.js'
import { needs } from '../../support/services.js'
import { accounts, type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
  await system.addAgent('agent-2')
  const client = system.client()
  await client.execute({ agent_id: 'agent-1', command_id: 'over', command: 'true' })
  for (const [agent_id, command_id] of [
    ['agent-1', 'first'],
    ['agent-2', 'second'],
  ] as const) {
    const run = client.execute({ agent_id, command_id, command: 'echo on; sleep 300' })
    for await (const _chunk of run.stdout) break
  }
})
afterAll(() => system[Symbol.asyncDispose]())

describe('ogent top', () => {
  test('prints what runs where, once, where it is no terminal', async () => {
    const { code, stdout, stderr } = await runOgent(system, ['top'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(
      /^ogent top · \S+ · olga \(operator\)\nagents: 2 connected, 0 offline, 2 busy · commands: 2 running, 0 waiting\n\nAGENT .*\nagent-1 +running +\S+ +olga +first .*\nagent-2 +running +\S+ +olga +second .*\n$/,
    )
    const records = jsonLines((await runOgent(system, ['top', '--json'])).stdout)
    expect(records.map(({ command_id }) => command_id).sort()).toEqual(['first', 'second'])
  })

  test.skipIf(needs('script')).each([
    ['q', 'q'],
    ['Ctrl-C', '\u0003'],
  ])(
    'follows it on a terminal, and gives the terminal back after %s',
    async (_key, typed) => {
      const { username, password } = accounts.operator
      const line = `stty cols 80 rows 10; "${process.execPath}" "${repository}dist/cli/main.js" top --interval 0.2; stty -a`
      const child = spawn('script', ['-qefc', line, '/dev/null'], {
        env: {
          PATH: process.env.PATH,
          SHELL: '/bin/sh',
          TERM: 'xterm',
          XDG_CONFIG_HOME: configOf(system),
          OGENT_URL: system.url,
          OGENT_USERNAME: username,
          OGENT_PASSWORD: password,
        },
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      const command_id = `third-${typed.charCodeAt(0)}`
      let said = ''
      let step = 0
      child.stdout.on('data', (data) => {
        said += data
        if (step === 0 && said.includes('second')) {
          step = 1
          void system.client().commands.start({ agent_id: 'agent-2', command_id, command: 'sleep 300' })
        }
        if (step === 1 && said.includes(command_id)) {
          step = 2
          child.stdin.write(typed)
        }
      })
      await once(child, 'close')
      child.stdin.destroy()
      expect(step).toBe(2)
      expect(said).toContain('\u001b[?1049h')
      const [, after = ''] = said.split('\u001b[?25h\u001b[?1049l')
      // The terminal is as it was before: it echoes, and reads lines.
      expect(after).toMatch(/(^|\s)icanon/)
      expect(after).toMatch(/(^|\s)echo\s/)
      await system.client().commands.cancel(command_id)
    },
    120_000,
  )

  test('is refused without a login, and for a wrong interval', async () => {
    expect((await runOgent(system, ['top'], { as: 'nobody' })).code).toBe(77)
    expect((await runOgent(system, ['top', '--interval', 'x'])).code).toBe(64)
  })
})
