import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ogent as runOgent } from '../support/ogent.js'
import { type System, startSystem } from '../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system[Symbol.asyncDispose]())

const ogent = (...args: string[]) => runOgent(system, args, { env: { COLUMNS: '80' } })

describe('the help', () => {
  test('lists the subcommands by group, with examples, in 80 columns', async () => {
    const { code, stdout, stderr } = await ogent('--help')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const group of ['On the machines', 'Running', 'Looking', 'You', 'Examples']) {
      expect(stdout).toMatch(new RegExp(`\n${group}:\n  \\S`))
    }
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
    expect((await ogent('help')).stdout).toBe(stdout)
  })

  test.each(['run', 'agents', 'history'])('of ogent %s has examples, in 80 columns', async (name) => {
    const { code, stdout } = await ogent(name, '--help')
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`\nExamples:\n  ogent ${name} `))
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
  })
})

describe('a wrong word', () => {
  test.each([
    [['agnets'], "unknown command 'agnets': did you mean agents? See: ogent --help"],
    [['nonsense'], "unknown command 'nonsense'. See: ogent --help"],
    [
      ['history', '--sinse', '2h'],
      "unknown option '--sinse': did you mean --since? See: ogent history --help",
    ],
    [
      ['agents', 'forget', '--jsn'],
      "unknown option '--jsn': did you mean --json? See: ogent agents forget --help",
    ],
    [['show'], "missing required argument 'command_id'. See: ogent show --help"],
    [['--url', 'http://127.0.0.1:1', 'completion', 'bash'], 'completion takes no --url'],
  ])('%j is refused, with what was probably meant', async (args, sentence) => {
    expect(await ogent(...args)).toEqual({ code: 64, stdout: '', stderr: `ogent: ${sentence}\n` })
  })
})

describe('--url and --username', () => {
  const nowhere = 'http://127.0.0.1:1'

  test('may come before the subcommand and after it, and the last one counts', async () => {
    for (const args of [
      ['--url', nowhere, 'agents'],
      ['agents', '--url', nowhere],
      [`--url=${nowhere}`, 'agents', 'forget', 'x'],
      ['agents', '--url', nowhere, 'forget', 'x'],
      ['--url', system.url, 'agents', '--url', nowhere],
    ]) {
      const { code, stderr } = await ogent(...args)
      expect(stderr, args.join(' ')).toContain(`No answer from ${nowhere}`)
      expect(code).toBe(69)
    }
    expect((await ogent('--url', nowhere, 'agents', '--url', system.url)).code).toBe(0)
    expect((await ogent('--username', 'nobody-of-that-name', 'agents')).code).toBe(77)
  }, 120_000)
})
