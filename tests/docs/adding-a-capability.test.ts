import { expect, test } from 'vitest'
import { readRepository } from '../support/samples.js'

test('docs/adding-a-capability.md shows the code as it is', () => {
  const page = readRepository('docs/adding-a-capability.md')
  const shown = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code)
  const source = readRepository('src/server/analysis/operations.ts')
  expect(shown).toHaveLength(1)
  for (const code of shown) expect(source).toContain(code)
})
