import { describe, expect, test } from 'vitest'
import { agentSettings } from '../../src/agent/config.js'
import { SettingsError } from '../../src/host/settings.js'
import { controllerSettings } from '../../src/server/config.js'

function fault(act: () => unknown): string | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    if (error instanceof SettingsError) return error.message
    throw error
  }
}

const agent = { AGENT_USERNAME: 'agents', AGENT_PASSWORD: 'agent-pass-1' }

describe('a variable that is no setting is refused', () => {
  test.each([
    ['OGENT_PORT_NUMBER', 'OGENT_PORT_NUMBER: is not a setting: unset it'],
    ['OGENT_MAX_OUTPUT_BYTES', 'OGENT_MAX_OUTPUT_BYTES: is not a setting, did you mean MAX_OUTPUT_BYTES?'],
    ['OGENT_URI', 'OGENT_URI: is not a setting, did you mean OGENT_URL?'],
    [
      'MAX_OUTPUT_BYTE',
      'MAX_OUTPUT_BYTE: is not a setting, did you mean MAX_OUTPUT_BYTES? Rename it, or unset it',
    ],
  ])('by a controller when it is %s', (name, said) => {
    expect(fault(() => controllerSettings({ [name]: '1' }))).toBe(said)
  })

  test('by an agent when it is nearly one', () => {
    const said = 'AGENT_LABEL: is not a setting, did you mean AGENT_LABELS? Rename it, or unset it'
    expect(fault(() => agentSettings({ ...agent, AGENT_LABEL: 'a=b' }))).toBe(said)
  })

  test('beside a setting that is wrong, a line each', () => {
    expect(fault(() => controllerSettings({ PORT: 'x', OGENT_HOSTS: '1' }))?.split('\n')).toHaveLength(2)
  })
})

describe('a variable is left alone', () => {
  test.each([
    'OGENT_URL',
    'OGENT_COMMAND_ID',
    'OGENT_SERVICE_HOST',
    'OGENT_PORT',
    'OGENT_PORT_8001_TCP_ADDR',
    'AGENT_SERVICE_HOST',
    'SSH_CONNECTION',
    'SSH_TTY',
    'MAX_THREADS',
    'SPORT',
  ])('when others set it: %s', (name) => {
    expect(fault(() => controllerSettings({ [name]: '1' }))).toBeUndefined()
    expect(fault(() => agentSettings({ ...agent, [name]: '1' }))).toBeUndefined()
  })

  test('when it is empty', () => {
    expect(fault(() => controllerSettings({ OGENT_FOO: '', MAX_OUTPUT_BYTE: ' ' }))).toBeUndefined()
  })

  test('when it is a setting of the other role, which shares the environment', () => {
    const names = (settings: object) => Object.keys(settings)
    const both = [...names(controllerSettings({})), ...names(agentSettings(agent))]
    for (const name of both) {
      const others = (said: string | undefined) =>
        said?.split('\n').filter((line) => line.includes('is not a setting'))
      expect(others(fault(() => controllerSettings({ [name]: 'x' }))) ?? []).toEqual([])
      expect(others(fault(() => agentSettings({ ...agent, [name]: 'x' }))) ?? []).toEqual([])
    }
  })
})
