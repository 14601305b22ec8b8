import { parse } from 'dotenv'
import { afterAll, expect, test, vi } from 'vitest'
import { agentSettings } from '../../src/agent/config.js'
import { controllerSettings } from '../../src/server/config.js'
import { readRepository } from '../support/samples.js'

const text = readRepository('.env.example')
const lines = text.split('\n')
const shown = parse(text.replaceAll(/^#(?=[A-Z])/gm, ''))

// It moves the data of a controller, wherever it is set.
vi.stubEnv('XDG_STATE_HOME', '')
afterAll(() => vi.unstubAllEnvs())

/** What other programs set and ours heed: no settings of ours. */
const foreign = ['NODE_ENV', 'SSH_AUTH_SOCK']

/** The variables that a side asks its environment for: all that its schema has. */
function namesAskedBy(read: (env: Record<string, string | undefined>) => unknown): string[] {
  const asked = new Set<string>()
  const env = new Proxy({}, { get: (_env, name) => void asked.add(String(name)) })
  try {
    read(env)
  } catch {
    // An agent's settings are not whole without its account: they were asked for all the same.
  }
  return [...asked].filter((name) => !foreign.includes(name))
}

const ofController = namesAskedBy(controllerSettings)
const ofAgent = namesAskedBy(agentSettings)

test('.env.example has every setting of the controller and the agent, and no other', () => {
  expect(ofController.length).toBeGreaterThan(15)
  expect(ofAgent.length).toBeGreaterThan(15)
  expect(Object.keys(shown).sort()).toEqual([...new Set([...ofController, ...ofAgent])].sort())
})

test('.env.example names every setting once, under one line that says what it is', () => {
  const names = lines.filter((line) => /^#[A-Z]/.test(line)).map((line) => line.slice(1).split('=')[0])
  expect(new Set(names).size).toBe(names.length)
  for (const [at, line] of lines.entries()) {
    if (!/^#[A-Z]/.test(line)) continue
    expect(lines[at - 1], line).toMatch(/^# [A-Z].*\.$/)
    expect(lines[at - 2], line).toBe('')
  }
})

test('a copy of .env.example sets nothing, and the values that it shows are the defaults', () => {
  expect(parse(text)).toEqual({})
  expect(controllerSettings(shown)).toEqual(controllerSettings({}))
  const account = { AGENT_USERNAME: 'a', AGENT_PASSWORD: 'b' }
  expect(agentSettings({ ...shown, ...account })).toEqual(agentSettings(account))
})

test('a setting without a value in .env.example has no default', () => {
  const defaults = {
    ...controllerSettings({}),
    ...agentSettings({ AGENT_USERNAME: 'a', AGENT_PASSWORD: 'b' }),
  }
  const empty = Object.keys(shown).filter((name) => shown[name] === '')
  const set = empty.filter((name) => !['AGENT_USERNAME', 'AGENT_PASSWORD'].includes(name) && name in defaults)
  // An empty list and no labels are what an empty text means.
  const lists = [
    'AGENT_ENV_DENY',
    'AGENT_LABELS',
    'ALLOWED_HOSTS',
    'AUDIT_SINKS',
    'CORS_ORIGINS',
    'ORDER_KEYS',
    'TRUSTED_PROXIES',
  ]
  expect(set.sort()).toEqual(lists)
})
