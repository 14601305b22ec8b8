import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonLines, ogent as runOgent } from '../../support/ogent.js'
import { type System, startSystem } from '../../support/system.js'

let system: System
let exported: string
beforeAll(async () => {
  system = await startSystem()
  for (let at = 0; at < 3; at++) await system.client().execute({ agent_id: 'agent-1', command: `echo ${at}` })
  exported = join(system.folder, 'audit.jsonl')
  writeFileSync(exported, (await ogent(['audit', 'export'])).stdout)
})
afterAll(() => system[Symbol.asyncDispose]())

const ogent = (args: string[], as: 'operator' | 'admin' = 'admin') => runOgent(system, args, { as })
const file = (name: string, text: string) => {
  const path = join(system.folder, name)
  writeFileSync(path, text)
  return path
}

describe('ogent audit list', () => {
  test('prints a table, the newest first, or JSON lines', async () => {
    const { code, stdout } = await ogent(['audit', 'list', '--action', 'order'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^TIME +WHO +ACTION +OBJECT +VERDICT/)
    expect(stdout.match(/ olga +order +agent:agent-1 +allowed /g)).toHaveLength(3)
    const json = await ogent(['audit', 'list', '--actor', 'olga', '--limit', '2', '--json'])
    const found = jsonLines(json.stdout)
    expect(found).toHaveLength(2)
    expect(Number(found[0]?.seq)).toBeGreaterThan(Number(found[1]?.seq))
  })

  test('is refused to an operator, with 77', async () => {
    expect(await ogent(['audit', 'list'], 'operator')).toMatchObject({ code: 77, stdout: '' })
  })
})

describe('ogent audit verify', () => {
  test('says how far an export is anchored, without a controller', async () => {
    const { code, stdout } = await runOgent(system, ['audit', 'verify', '--file', exported], {
      as: 'nobody',
      env: { OGENT_URL: 'http://127.0.0.1:9' },
    })
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^ok: 1\.\.\d+ anchored to \d+ \(by its own checkpoints alone\)\n$/),
    })
  })

  test('verifies what a controller has', async () => {
    expect(await ogent(['audit', 'verify'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ok: 1\.\.\d+ /),
    })
  })

  test('compares an export with checkpoints of a file, and names the first record that is not as it was', async () => {
    const { checkpoints } = await system.client('admin').audit.checkpoints()
    const kept = file('checkpoints.json', JSON.stringify({ checkpoints }))
    const verify = (path: string) => ogent(['audit', 'verify', '--file', path, '--checkpoint', kept])
    const whole = file('whole.jsonl', (await ogent(['audit', 'export'])).stdout)
    expect(await verify(whole)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        new RegExp(`^ok: 1\\.\\.\\d+ anchored to ${checkpoints[0]?.seq} \\(1 file\\)\n$`),
      ),
    })
    const edited = file(
      'edited.jsonl',
      readFileSync(whole, 'utf8').replace('"agent:agent-1"', '"agent:agent-2"'),
    )
    expect(await verify(edited)).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^broken: chain \w+, record \d+ was changed/),
    })
    expect(await verify(file('none.jsonl', ''))).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^broken: /),
    })
    const json = await ogent(['audit', 'verify', '--file', edited, '--json'])
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, break: { reason: expect.any(String) } })
  })

  test('asks connected agents for what they have kept', async () => {
    const { code, stdout } = await ogent(['audit', 'verify', '--witnesses'])
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^ok: 1\.\.\d+ anchored to \d+ \(1 witness\)\n$/),
    })
  })

  test('says what is wrong with a file that it cannot use', async () => {
    const missing = await ogent(['audit', 'verify', '--file', join(system.folder, 'missing')])
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot be read') })
    const none = await ogent(['audit', 'verify', '--checkpoint', file('empty.json', '{}')])
    expect(none).toMatchObject({ code: 64, stderr: expect.stringContaining('no checkpoint') })
    const both = await ogent(['audit', 'verify', '--file', exported, '--witnesses'])
    expect(both).toMatchObject({ code: 64, stderr: expect.stringContaining('--witnesses') })
  })
})
