import { describe, expect, test } from 'vitest'
import { mustNotBeHigh as calm } from '../../guard/cases/calm.js'
import { disguised } from '../../guard/cases/disguised.js'
import { everyday } from '../../guard/cases/everyday.js'
import { mustBeHigh as high } from '../../guard/cases/high.js'
import { wraps } from '../../guard/cases/wraps.js'
import { answerer, rule } from './granting.js'

const simple = [
  'uptime',
  'df -h',
  'free -m',
  'whoami',
  'systemctl status nginx',
  'journalctl -u nginx -n 100',
  'date',
  'hostname',
]
/** What is put around commands, named by rules: all that is around is allowed, so that what is inside has to be found. */
const around = [
  'sudo * …',
  'sudo -iu root * …',
  'bash -c *',
  'bash -lc *',
  'sh -c *',
  'nohup * …',
  'timeout 10 * …',
  'poetry run * …',
  'ssh -p 22 * …',
  'docker exec -it web * …',
  'kubectl exec -n prod * -- * …',
  'su - root -c *',
  'xargs * …',
  'env * …',
  'echo * …',
  'cat * …',
  'base64 -d',
  'set -euo pipefail',
  'true',
  'tee * …',
  'sudo bash -lc *',
  'sudo bash -c *',
  'sudo -iu root bash -c *',
  'poetry run sh -c *',
  'timeout 10 bash -c *',
  'nohup sh -c *',
  'docker exec -it web sh -c *',
  'kubectl exec -n prod deploy/web -- bash -c *',
  'eval *',
  'trap * EXIT',
  'python3 -c *',
]
const operators: ('|' | '&&' | '||' | ';')[] = ['|', '&&', '||', ';']

const narrow = answerer({ commands: simple.map(rule), operators, redirects: 'any' })
const wide = answerer({ commands: [...simple, ...around].map(rule), operators, redirects: 'any' })

const commands = [...high, ...disguised, ...[...calm, ...everyday].map(([, command]) => command)]

test('there are 500 commands at least', () => {
  expect(new Set(commands).size).toBeGreaterThan(500)
})

describe('no command of the guard is allowed by rules for others', () => {
  test('as it is', () => {
    expect(commands.filter((command) => narrow(command) === 'allow' && !simple.includes(command))).toEqual([])
  })

  test.each(Object.entries(wraps))('within %s', (_, wrap) => {
    const allowed = commands.filter(
      (command) => narrow(wrap(command)) === 'allow' && !simple.includes(command),
    )
    expect(allowed).toEqual([])
  })

  // `echo x` and the like are what these rules name.
  const strange = commands.filter((command) => wide(command) !== 'allow')
  test.each(Object.entries(wraps))('within %s, where the rules name what is around it', (_, wrap) => {
    expect(strange.filter((command) => wide(wrap(command)) === 'allow')).toEqual([])
  })

  test('although wraps that are read allow what the rules name', () => {
    const read = Object.entries(wraps).filter(([, wrap]) => wide(wrap('uptime')) === 'allow')
    expect(read.map(([name]) => name).sort()).toEqual([
      'a container',
      'a pod',
      'a program of an environment',
      'a time limit',
      'a word at the end',
      'another account',
      'another machine',
      'errors thrown away',
      'failure ignored',
      'lines around it',
      'shell options first',
      'the shell of another account',
    ])
  })
})

test('few commands of the guard are what the wide rules name', () => {
  const allowed = commands.filter((command) => wide(command) === 'allow')
  expect(allowed.length).toBeLessThan(10)
  expect(allowed.filter((command) => !/^(?:echo|cat) /.test(command))).toEqual([])
})
