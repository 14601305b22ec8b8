import { expect, test } from 'vitest'
import { errorsGuide } from '../../packaging/docs/errors.js'
import { errorTable } from '../../src/shared/errors.js'
import { readRepository } from '../support/samples.js'

test('docs/errors.md is what npm run docs makes of the sources', () => {
  expect(readRepository('docs/errors.md')).toBe(errorsGuide())
})

test('docs/errors.md explains every error code', () => {
  const page = readRepository('docs/errors.md')
  for (const code of Object.keys(errorTable)) {
    expect(page).toContain(`| [\`${code}\`](#${code.toLowerCase()}) |`)
    expect(page).toContain(`\n## ${code}\n`)
  }
})
