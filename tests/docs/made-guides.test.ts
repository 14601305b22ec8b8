import { readdirSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { errorsGuide } from '../../packaging/docs/errors.js'
import { referenceGuide } from '../../packaging/docs/reference.js'
import { settingsGuide } from '../../packaging/docs/settings.js'
import { agentSchema } from '../../src/agent/config.js'
import { OTHER_NAMES } from '../../src/host/settings.js'
import { controllerSchema } from '../../src/server/config.js'
import { errorTable } from '../../src/shared/errors.js'
import { readRepository, repository } from '../support/samples.js'

const guides = readdirSync(`${repository}docs`)
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`)

test.each([
  ['docs/errors.md', errorsGuide],
  ['docs/reference.md', referenceGuide],
  ['docs/settings.md', settingsGuide],
])('%s is what npm run docs makes of the sources', (path, guide) => {
  expect(readRepository(path)).toBe(guide())
})

test('docs/settings.md is the same on every machine', () => {
  vi.stubEnv('HOME', '/home/of-another')
  vi.stubEnv('XDG_STATE_HOME', '/var/state')
  try {
    expect(settingsGuide()).toBe(readRepository('docs/settings.md'))
  } finally {
    vi.unstubAllEnvs()
  }
})

test('docs/errors.md explains every error code', () => {
  const page = readRepository('docs/errors.md')
  for (const code of Object.keys(errorTable)) {
    expect(page).toContain(`| [\`${code}\`](#${code.toLowerCase()}) |`)
    expect(page).toContain(`\n## ${code}\n`)
  }
})

/** Names that a guide may write in this way, which are no settings of a controller or an agent: of other programs, and of samples. */
const foreign = [
  ...[
    'HTTPS_PROXY',
    'HTTP_PROXY',
    'NO_PROXY',
    'NODE_ENV',
    'NODE_OPTIONS',
    'NODE_EXTRA_CA_CERTS',
    'BASH_ENV',
    'LD_PRELOAD',
  ],
  ...['XDG_STATE_HOME', 'XDG_CONFIG_HOME', 'NO_COLOR', 'FORCE_COLOR', 'SSH_AUTH_SOCK', 'GIT_SSH_COMMAND'],
  ...['OTEL_EXPORTER_OTLP_HEADERS', 'REDIS_PASSWORD', 'REDISCLI_AUTH', 'SSH_AUTHORIZED_KEY'],
  ...['KNOWN_HOSTS_NAME', 'KNOWN_HOSTS_FILE', 'MASKED_SECRET_1'],
  // A setting with a typing error, and the rule for all of them.
  ...['MAX_OUTPUT_BYTE', 'NAME_FILE'],
]

test.each(['README.md', 'CONTRIBUTING.md', '.env.example', 'examples/README.md', ...guides])(
  '%s names no setting that there is not',
  (path) => {
    const settings = [...Object.keys(controllerSchema.shape), ...Object.keys(agentSchema.shape)]
    const known = new Set([...settings, ...Object.keys(errorTable), ...foreign])
    const named = readRepository(path).match(/(?<![\w$-])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![\w-])/g) ?? []
    const isKnown = (name: string) =>
      known.has(name) || known.has(name.replace(/_FILE$/, '')) || OTHER_NAMES.includes(name)
    expect(named.filter((name) => !isKnown(name))).toEqual([])
  },
)
