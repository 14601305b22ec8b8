import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { analysisSchema } from '../../../src/shared/analysis/analysis.js'
import { ogent as runOgent } from '../../support/ogent.js'
import { type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem({ controller: { COMMAND_GUARD: 'block' } })
})
afterAll(() => system[Symbol.asyncDispose]())

const ogent = (args: string[], as: 'operator' | 'admin' = 'operator') => runOgent(system, args, { as })

describe('ogent analyze', () => {
  test('prints a text for people, and exits with 1 when the risk is high', async () => {
    const { code, stdout, stderr } = await ogent(['analyze', '--', 'rm', '-rf', '/'])
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(stdout).toMatch(/^risk: high \(by the rules\)\n/)
    expect(stdout).toMatch(/\nRisks:\n {2}- .*rm -rf \//)
  })

  test('exits with 0 when the risk is not high, and shows a better line', async () => {
    const { code, stdout } = await ogent(['analyze', '--agent', 'agent-1', '--', 'cat f | grep x | wc -l'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^risk: low/)
    expect(stdout).toMatch(/\nBetter:\n {2}- grep -c x/)
  })

  test('exits with 2 when the command cannot be parsed', async () => {
    for (const command of ['echo "', 'if true; then', 'echo $(']) {
      const { code, stdout } = await ogent(['analyze', '--', command])
      expect(code, command).toBe(2)
      expect(stdout, command).toMatch(/^risk: unknown/)
    }
  })

  test('prints no escape sequences from its input', async () => {
    const { stdout } = await ogent([
      'analyze',
      '--context',
      'a \u001b]0;title\u0007',
      '--',
      'ls; rm -rf /srv/\u001b[2J',
    ])
    expect(stdout).toContain('Asked for: a')
    expect(stdout).not.toContain('\u001b')
  })

  test('prints JSON for programs', async () => {
    const { code, stdout } = await ogent(['analyze', '--json', '--context', 'a test', '--', 'rm -rf /'])
    expect(code).toBe(1)
    const analysis = analysisSchema.parse(JSON.parse(stdout))
    expect(analysis.validation.risk_level).toBe('high')
    expect(analysis.enrichment.purpose).toContain('a test')
  })

  test('exits with a usage error when the command is missing, and with another code when the agent is unknown', async () => {
    expect(await ogent(['analyze'])).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('ogent analyze -- rm -rf build'),
    })
    expect((await ogent(['analyze', '--agent', 'nobody', '--', 'ls'])).code).toBe(69)
  })
})

describe('ogent run', () => {
  const command = 'echo ran; rm -rf /home/nobody-of-that-name'

  test('exits with 126 and the reason when the command is refused', async () => {
    const { code, stdout, stderr } = await ogent(['run', 'agent-1', '--', command])
    expect({ code, stdout }).toEqual({ code: 126, stdout: '' })
    expect(stderr).toMatch(/^ogent: The risk of this command is high\..*\n {2}- .*nobody-of-that-name/)
  })

  test('runs a command of high risk when an admin allows it', async () => {
    const { code, stdout } = await ogent(['run', '--allow-risk', 'high', 'agent-1', '--', command], 'admin')
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'ran\n' })
  })

  test('runs the optimized command when that is requested', async () => {
    const { code, stdout } = await ogent([
      'run',
      '--ai',
      '--optimize',
      'agent-1',
      '--',
      'cat /etc/passwd | grep -c root',
    ])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '1\n' })
  })
})
