import { describe, expect, test } from 'vitest'
import { judge } from '../../src/guard/execution-context.js'

describe('a variable of a request that decides what code runs', () => {
  test.each([
    'PERL5OPT',
    'PYTHONPATH',
    'PYTHONSTARTUP',
    'GIT_SSH_COMMAND',
    'GIT_CONFIG_COUNT',
    'PATH',
    'GLIBC_TUNABLES',
    'LESSOPEN',
    'BASH_ENV',
    'ENV',
    'NODE_OPTIONS',
    'LD_PRELOAD',
    'RUBYOPT',
    'JAVA_TOOL_OPTIONS',
    'PAGER',
  ])('makes a harmless command medium when it is %s, though the command does not name it', (name) => {
    const verdict = judge({ command: 'ls', env: { [name]: '/srv/x', LANG: 'C' } })
    expect(verdict).toMatchObject({ risk_level: 'medium', safe: false })
    expect(verdict.risks).toEqual([expect.stringContaining(name)])
  })

  test('has no effect when it only looks like such a variable', () => {
    const env = { PATHS: 'a', MY_PATH: 'b', PYTHONUNBUFFERED: '1', LANG: 'C', GIT_AUTHOR_NAME: 'x' }
    expect(judge({ command: 'ls', env }).risk_level).toBe('low')
  })

  test('does not lower a high risk', () => {
    expect(judge({ command: 'rm -rf /', env: { PATH: '/bin' } }).risk_level).toBe('high')
  })
})
