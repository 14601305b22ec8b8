// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the shell's own expansions

import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dangerouslyRaw, type ShellValue, shellCommand } from '../../../src/client/commands/shell.js'
import { temporaryFolder } from '../../support/folder.js'
import { type System, startSystem } from '../../support/system.js'

const shells = ['/bin/sh', '/bin/bash'].filter((path) => existsSync(path))

function sh(template: TemplateStringsArray, ...values: ShellValue[]): string {
  return shellCommand(template, values)
}

/** As JavaScript calls it: the types let none of it through. */
function given(value: unknown): () => string {
  return () => shellCommand(templateOf(['echo ', '']), [value as ShellValue])
}

/** A template of these parts, as they are written. */
function templateOf(raw: string[]): TemplateStringsArray {
  return Object.assign([...raw], { raw })
}

function wordsOf(shell: string, command: string): string[] {
  const { stdout, status } = spawnSync(shell, ['-c', command], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ended with ${status}`)
  return stdout.split('\0').slice(0, -1)
}

describe('a value of sh', () => {
  const any = fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => !text.includes('\0'))
  const shellish = fc.string({ unit: fc.constantFrom(...'\'"\\$`(){}[]*?~!#&|;<> \n\t=-a'), maxLength: 20 })

  test.each(shells)('is one word for %s, regardless of what is in it', (shell) => {
    fc.assert(
      fc.property(fc.array(fc.oneof(any, shellish), { minLength: 1, maxLength: 20 }), (values) => {
        expect(wordsOf(shell, sh`printf '%s\0' ${values}`)).toEqual(values)
        expect(wordsOf(shell, sh`printf '%s\0' before${values[0] ?? ''}after`)).toEqual([
          `before${values[0]}after`,
        ])
      }),
      { numRuns: 60 },
    )
  })

  test('is a text, a number or a list; an empty list is no word, and an empty text is one', () => {
    expect(sh`echo ${'it'} ${7} ${-1.5} ${['a b', 2, 'c']}.`).toBe(`echo 'it' 7 -1.5 'a b' 2 'c'.`)
    expect(sh`echo ${[]} ${''} ${['']}`).toBe(`echo  '' ''`)
    expect(sh`echo ${"it's"}`).toBe(`echo 'it'\\''s'`)
  })

  test('of any other kind throws a TypeError', () => {
    for (const value of [
      undefined,
      null,
      true,
      {},
      1n,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      () => 'x',
      new Date(),
      Symbol('x'),
    ]) {
      expect(given(value), String(value)).toThrow(TypeError)
      expect(given([value]), String(value)).toThrow(TypeError)
    }
    expect(given(undefined)).toThrow('not undefined')
    expect(given([['a']])).toThrow('a list in a list')
    // What JSON can have is no raw text.
    expect(given({ text: 'rm' })).toThrow('of the type object')
  })

  test('with a NUL is refused, in raw and template text too', () => {
    expect(given('a\0b')).toThrow(/NUL/)
    expect(() => dangerouslyRaw('a\0b')).toThrow(/NUL/)
    expect(() => shellCommand(templateOf(['a\0b']), [])).toThrow(/NUL/)
  })

  test('is refused where quotes would not keep it a word', () => {
    const { raw } = String
    const places: [string, RegExp][] = [
      [raw`echo "`, /leave out the quotes/],
      [raw`echo '`, /leave out the quotes/],
      [raw`echo "$(echo "`, /leave out the quotes/],
      [raw`echo "\"`, /leave out the quotes/],
      [raw`echo "a`.concat('`b`'), /leave out the quotes/],
      ['echo `cat ', /backticks/],
      ['ls # ', /comment/],
      ['cat <<EOF\n', /stdin/],
      [raw`echo $((`, /number/],
      [raw`echo $((1 + (2 * `, /number/],
      ['echo ${X:-', /env/],
      ['echo "${X:-"', /env/],
      ["echo ${X:-'}'} ", /env|quotes/],
      [raw`echo $'\'' `, /env|quotes/],
      ['echo "$(case x in x) echo "', /env|quotes/],
      ['echo "$$(', /quotes/],
      ["echo $(('))", /env/],
      ['echo "$(a)"#\'\n', /quotes/],
      ['echo "$\\\n("', /env|quotes/],
      ['cat <\\\n<EOF\n', /env/],
      ["; ((#'\n", /env|quotes/],
      ['echo \\\n# ', /comment/],
    ]
    for (const [before, sentence] of places) {
      const command = () => shellCommand(templateOf([before, '']), ['x'])
      expect(command, before).toThrow(TypeError)
      expect(command, before).toThrow(sentence)
      // Nothing in a number means anything to a shell.
      expect(shellCommand(templateOf([before, '']), [7])).toBe(`${before}7`)
    }
  })

  test('is taken where a word may be', () => {
    const { raw } = String
    for (const before of [
      raw`echo "a" 'b' \" \' `,
      raw`echo "$(cat `,
      raw`echo "a $(cat "b" `,
      raw`echo "$((1 + 2))" `,
      raw`(cd /; echo a#b # c"
        `.concat('echo '),
      'echo ${#X} ${X#*/} ',
      'case x in x) echo ',
      "cat <<< a; echo `echo '` ",
      'f() { echo ',
      'docker run \\\n  --name ',
      'echo "$(a)"# b \'c\' ',
    ]) {
      expect(() => shellCommand(templateOf([before, '']), ['x']), before).not.toThrow()
    }
  })

  test.each(shells)('is never run by %s, wherever a template has it', (shell) => {
    using folder = temporaryFolder()
    const marker = join(folder.path, 'run')
    const touch = `touch ${marker}`
    const value = `'; ${touch};"; ${touch};\n${touch}\n$(${touch})\`${touch}\`)}; ${touch} #`
    const text = fc.array(
      fc.constantFrom(
        "'",
        '"',
        '\\',
        '$',
        '(',
        ')',
        '{',
        '}',
        '#',
        ' ',
        '\n',
        '<',
        '`',
        '$(',
        '$((',
        '${',
        '))',
        '${a:-',
        'a',
        'case ',
        'in ',
        "$'",
        ';',
      ),
      { maxLength: 12 },
    )
    let run = 0
    fc.assert(
      fc.property(text, text, (before, after) => {
        // A backslash of a template cannot be the last character before a value: it would be written `\${`.
        const written = before.join('').replace(/\\+$/, '')
        let command: string
        try {
          command = shellCommand(templateOf([`: ${written}`, after.join('')]), [value])
        } catch {
          return
        }
        run += 1
        rmSync(marker, { force: true })
        spawnSync(shell, ['-c', command], { cwd: folder.path, stdio: 'ignore', timeout: 10_000 })
        expect(existsSync(marker), command).toBe(false)
      }),
      { numRuns: 1500 },
    )
    expect(run).toBeGreaterThan(200)
    // The check sees what is run.
    spawnSync(shell, ['-c', `: "${value}"`], { cwd: folder.path, stdio: 'ignore' })
    expect(existsSync(marker)).toBe(true)
  })
})

describe('the text of sh', () => {
  test("is the shell's, with its backslashes", () => {
    expect(sh`grep '\.log$' | sed 's/\\/x/' \${HOME} \`id\` \$HOME`).toBe(
      "grep '\\.log$' | sed 's/\\\\/x/' ${HOME} `id` \\$HOME",
    )
    expect(wordsOf('/bin/sh', sh`printf '%s\0' a\ b`)).toEqual(['a b'])
  })

  test('takes raw text as it is, and knows what it opens', () => {
    const loud = dangerouslyRaw('2>&1 | tr a-z A-Z')
    expect(sh`echo ${'a'} ${loud}`).toBe(`echo 'a' 2>&1 | tr a-z A-Z`)
    expect(sh`echo ${[dangerouslyRaw('$HOME'), 'b']}`).toBe(`echo $HOME 'b'`)
    expect(() => sh`echo ${dangerouslyRaw('"')}${'a'}`).toThrow(/quotes/)
    expect(() => sh`echo ${dangerouslyRaw('\\')}${'a'}`).toThrow(/backslash/)
    expect(() => dangerouslyRaw(7 as never)).toThrow(TypeError)
  })

  test('is refused where sh is called as a function, which would run any text', () => {
    expect(() => shellCommand('rm -rf /' as never, [])).toThrow('without parentheses')
    expect(() => shellCommand(['rm -rf /'] as never, [])).toThrow('without parentheses')
  })
})

describe('an agent by its id', () => {
  let system: System
  beforeAll(async () => {
    system = await startSystem()
  })
  afterAll(() => system?.[Symbol.asyncDispose]())

  test('runs commands, with what a request may have', async () => {
    const agent = system.client().agent('agent-1')
    expect(agent.agent_id).toBe('agent-1')
    expect(await agent.run('echo it')).toMatchObject({ status: 'success', stdout: 'it\n' })
    const options = {
      env: { WHO: 'you' },
      cwd: '/',
      stdin: 'in',
      timeout_seconds: 30,
      command_id: 'chosen-1',
    }
    const run = agent.run('printf "$WHO $PWD "; cat', options)
    expect(run.command_id).toBe('chosen-1')
    expect(await run).toMatchObject({ stdout: 'you / in' })
    const signal = AbortSignal.abort()
    await expect(agent.run('true', { signal })).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  test('runs templates, whose values arrive as they are', async () => {
    const agent = system.client().agent('agent-1')
    const names = ['a b', "c'd", '$(touch /tmp/never)', '*', '-n', 'ä\n"']
    const { stdout } = await agent.sh`printf '%s\0' ${names} ${'one'}${2}; echo "$HOME"`
    expect(stdout.split('\0').slice(0, -1)).toEqual([...names, 'one2'])
    expect(() => agent.sh`echo ${undefined as never}`).toThrow(TypeError)
  })

  test('is known, and is forgotten', async () => {
    await (await system.addAgent('agent-2')).stop({ drainMs: 0 })
    const agent = system.client('admin').agent('agent-2')
    expect(await agent.get()).toMatchObject({ agent_id: 'agent-2', status: 'disconnected' })
    await agent.forget()
    await expect(agent.get()).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' })
    await expect(agent.get({ signal: AbortSignal.abort('gone') })).rejects.toBe('gone')
  })
})
