import { join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Consumer, packedConsumer } from '../support/consumer.js'
import { run } from '../support/program.js'
import { repository } from '../support/samples.js'

let consumer: Consumer
beforeAll(() => {
  consumer = packedConsumer()
}, 300_000)
afterAll(() => consumer[Symbol.dispose]())

test('publint reports nothing about the packed package', async () => {
  const { messages, pkg } = await publint({
    pkgDir: join(consumer.path, 'node_modules/ogent'),
    pack: false,
    level: 'suggestion',
    strict: true,
  })
  // A matter of taste: the `browser` field is what swaps one file inside the package, for every bundler there is.
  const others = messages.filter(({ code }) => code !== 'USE_EXPORTS_OR_IMPORTS_BROWSER')
  expect(others.map((message) => formatMessage(message, pkg))).toEqual([])
})

test('the types of every entry resolve correctly by are-the-types-wrong', async () => {
  const attw = join(repository, 'node_modules/.bin/attw')
  // ESM alone: require() of ESM is there from Node.js 20.19 on, and its types are the same.
  const said = await run(attw, [consumer.tarball, '--profile', 'esm-only', '--no-color', '--no-emoji'])
  expect(said, said.stdout).toMatchObject({ code: 0, stderr: '' })
  for (const entry of ['client', 'server', 'agent', 'shared']) {
    expect(said.stdout).toMatch(new RegExp(`"ogent/${entry}" +│ OK \\(ESM\\) +│ OK `))
  }
})
