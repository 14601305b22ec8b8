import { describe, expect, test } from 'vitest'
import { createGuard } from '../../../src/guard/guard.js'
import { Analyzer } from '../../../src/server/analysis/analyzer.js'
import { admit, type GuardMode } from '../../../src/server/commands/admission.js'
import { commandRequestSchema } from '../../../src/shared/commands/request.js'
import { actor } from '../../support/actors.js'
import { silent } from '../../support/system.js'

const olga = actor('olga', 'operator')
const opinions = { get: async () => undefined, put: async () => {} }
const analyzer = new Analyzer({ rules: await createGuard(), opinions, log: silent })

/** By the rules alone: there is no model. */
function decided(fields: object, mode: GuardMode = 'block') {
  const request = commandRequestSchema.parse({ agent_id: 'a1', ...fields })
  return admit(analyzer, mode, request, olga, () => 'Linux')
}

const named = expect.stringContaining('an open standard input cannot be judged')

describe('a request with an open standard input', () => {
  test.each<[mode: GuardMode, more: object]>([
    ['block', {}],
    ['warn', {}],
    ['off', { use_ai: true }],
    ['block', { use_ai: true }],
  ])(
    'runs with a warning where an interpreter reads it, with COMMAND_GUARD=%s and %j',
    async (mode, more) => {
      const { refusal, warnings, ai_processing } = await decided(
        { command: 'bash', open_stdin: true, ...more },
        mode,
      )
      expect([refusal, warnings]).toEqual([undefined, [named]])
      if (ai_processing)
        expect(ai_processing.validation).toMatchObject({ safe: false, risk_level: 'unknown' })
    },
  )

  test('is refused where what has come of it is a high risk', async () => {
    const { refusal } = await decided({ command: 'bash', stdin: 'rm -rf /', open_stdin: true })
    expect(refusal?.risks).toContainEqual(named)
    expect(refusal?.risks.length).toBeGreaterThan(1)
  })

  test('is judged anew after the same command without one, and before it', async () => {
    const warned = async (open_stdin: boolean) =>
      (await decided({ command: 'zsh', open_stdin })).warnings !== undefined
    expect([await warned(false), await warned(true), await warned(false)]).toEqual([false, true, false])
  })

  test('runs without a warning where a program only copies it', async () => {
    expect(await decided({ command: 'cat > notes', open_stdin: true })).toEqual({ command: 'cat > notes' })
  })
})
