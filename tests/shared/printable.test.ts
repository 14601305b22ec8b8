import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { usernameSchema } from '../../src/shared/access/identity.js'
import { agentInfoSchema, labelsSchema } from '../../src/shared/agents/agent.js'
import { isPrintable, printable, printableJson } from '../../src/shared/printable.js'

/** What moves the cursor, sets a title, fills the clipboard, hides or reorders text, or fakes a row. */
const steering = [
  '\u001b]0;title\u0007',
  '\u001b]52;c;cm0gLXJmIC8=\u0007',
  '\u001b[1A\u001b[2K',
  '\u009b2J',
  '\u007f',
  '\u202egpj.exe',
  '\u2066x\u2069',
  'row\nweb-2  connected',
  'a\u{e0001}b',
]

test.each(steering)('printable makes a text that could control a terminal printable: %j', (text) => {
  expect(isPrintable(text)).toBe(false)
  expect(isPrintable(printable(text))).toBe(true)
})

test.each(steering)('printableJson has such a text in escapes, and parses back to it: %j', (text) => {
  const json = printableJson({ [text]: [text] })
  expect(isPrintable(json)).toBe(true)
  expect(JSON.parse(json)).toEqual({ [text]: [text] })
})

test('printableJson has the same value as any other JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const json = printableJson(value)
      expect(isPrintable(json)).toBe(true)
      expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

describe('the text of an agent', () => {
  const info = {
    platform: 'Linux',
    version: '6.1',
    python: null,
    node: '24.1.0',
    ssh_enabled: false,
    ssh_target: null,
    hostname: 'web-1',
    arch: 'x64',
    agent_version: '0.1.0',
    max_concurrent_commands: 16,
  }

  test.each(['platform', 'version', 'python', 'node', 'ssh_target', 'hostname', 'arch', 'agent_version'])(
    'has no escape sequence after it is parsed: %s',
    (field) => {
      for (const text of steering.map((one) => one.slice(0, 20))) {
        const parsed = agentInfoSchema.parse({ ...info, [field]: text })
        expect(parsed).toEqual({ ...info, [field]: printable(text) })
      }
    },
  )

  test('is unchanged in any script when it has none', () => {
    const ours = { ...info, hostname: 'büro-日本-1' }
    expect(agentInfoSchema.parse(ours)).toEqual(ours)
    expect(labelsSchema.parse({ role: 'wéb 1' })).toEqual({ role: 'wéb 1' })
  })

  test('is made printable in labels too', () => {
    expect(labelsSchema.parse({ role: 'a\u001b[2Jb' })).toEqual({ role: 'a [2Jb' })
  })
})

test('the name of a new account must be printable', () => {
  for (const name of ['ann', 'Ann Smith', 'ann@example.org', '日本', 'x'.repeat(64)])
    expect(usernameSchema.safeParse(name).success, name).toBe(true)
  for (const name of ['', ' ', ' ann', 'ann ', 'x\ny', 'a\u001b[2J', 'a\u202eb', 'x'.repeat(65)])
    expect(usernameSchema.safeParse(name).success, JSON.stringify(name)).toBe(false)
})
