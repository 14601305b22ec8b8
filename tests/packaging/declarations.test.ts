import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { readRepository, repository } from '../support/samples.js'

const { exports }: { exports: Record<string, string | { types: string }> } = JSON.parse(
  readRepository('package.json'),
)

test.each(['./client', './shared'])('the declarations of ogent %s name @trpc and zod alone', (entry) => {
  const modules = externalModules(typesOf(entry))
  expect(modules.length).toBeGreaterThan(0)
  expect(modules.filter((name) => !/^(@trpc\/|zod$)/.test(name))).toEqual([])
})

test('the check finds a library that a declaration names: ws, below the router itself', () => {
  expect(externalModules('dist/server/router.d.ts')).toContain('ws')
})

function typesOf(entry: string): string {
  const target = exports[entry]
  if (typeof target !== 'object') throw new Error(`package.json has no types for ${entry}.`)
  return target.types
}

/** The modules outside the package that a declaration file names, and all files that it imports. */
function externalModules(declaration: string): string[] {
  const files = new Set([join(repository, declaration)])
  const found = new Set<string>()
  // A set is walked to the end of what is added on the way.
  for (const file of files) {
    const text = readFileSync(file, 'utf8')
    for (const [, from, reference] of text.matchAll(
      /(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)["']([^"']+)["']|<reference types="([^"]+)"/g,
    )) {
      const name = from ?? reference ?? ''
      if (name.startsWith('.')) files.add(join(dirname(file), name.replace(/\.js$/, '.d.ts')))
      else found.add(name)
    }
  }
  return [...found].sort()
}
