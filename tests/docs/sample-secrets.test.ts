import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { agentSettings } from '../../src/agent/config.js'
import { sampleSecrets } from '../../src/host/settings.js'
import { controllerSettings } from '../../src/server/config.js'
import { readRepository, repository } from '../support/samples.js'

const folder = (name: string, ending: RegExp) =>
  readdirSync(`${repository}${name}`)
    .filter((file) => ending.test(file))
    .map((file) => `${name}/${file}`)

/** All that a reader could copy a secret from. */
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  '.env.example',
  'docker-compose.yml',
  ...folder('docs', /\.md$/),
  ...folder('examples', /\.(md|mjs|sh|ts)$/),
  ...folder('packaging/systemd', /./),
]

/** `NAME=value`, `password=value` of a form, `password: 'value'` of an object. */
const SECRET =
  /\b(?:[A-Z_]*(?:PASSWORD|SECRET_KEY|API_KEY|METRICS_TOKEN|PASSPHRASE)=["']?|password=|password: ')([^\s"'`)|&;,]+)/g

/** A variable, a placeholder or a regular expression is no value. */
const isValue = (text: string) => !/[$<>…*\\{([]|\.\.\./.test(text)

const shown = documents.flatMap((path) =>
  [...readRepository(path).matchAll(SECRET)].map(([, value = '']) => value).filter(isValue),
)

test('every secret that a document shows is registered as a sample', () => {
  expect(new Set(shown).size).toBeGreaterThan(3)
  expect([...new Set(shown)].filter((value) => !sampleSecrets.includes(value))).toEqual([])
})

test.each(sampleSecrets)('the sample %s is refused in production in every setting', (value) => {
  const production = { NODE_ENV: 'production' }
  for (const name of ['SECRET_KEY', 'ADMIN_PASSWORD', 'OPENAI_API_KEY'])
    expect(() => controllerSettings({ ...production, [name]: value })).toThrow(`${name}: got a sample value`)
  // Each is shorter than such a token may be, in production or elsewhere.
  expect(() => controllerSettings({ METRICS_TOKEN: value })).toThrow(
    'METRICS_TOKEN: got a value that is not shown',
  )
  const agent = { ...production, AGENT_USERNAME: 'a' }
  expect(() => agentSettings({ ...agent, AGENT_PASSWORD: value })).toThrow(
    'AGENT_PASSWORD: got a sample value',
  )
})
