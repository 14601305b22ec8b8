import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../support/folder.js'
import { until } from '../../support/processes.js'
import { run } from '../../support/program.js'
import { repository } from '../../support/samples.js'

const main = join(repository, 'dist/cli/main.js')
const { PATH = '', HOME = '' } = process.env

/** `ogent start` in this folder until its agent is there; gives what it said on stderr. */
async function startIn(folder: string): Promise<string> {
  const child = spawn(process.execPath, [main, 'start'], {
    cwd: folder,
    env: { PATH, HOME, XDG_STATE_HOME: folder, PORT: '0', LOG_LEVEL: 'silent' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (data) => {
    out += data
  })
  child.stderr.on('data', (data) => {
    err += data
  })
  const ended = once(child, 'close')
  try {
    await until(
      'its agent is there',
      () => out.includes('One agent is here') || child.exitCode !== null,
      300_000,
    )
    expect(out, err).toContain('One agent is here')
  } finally {
    child.kill('SIGINT')
    await ended
  }
  return err
}

const addUser = (folder: string, name: string, role: string) =>
  run(process.execPath, [main, 'users', 'add', name, '--role', role], {
    cwd: folder,
    env: { OGENT_NEW_PASSWORD: 'a password of some length', XDG_STATE_HOME: folder },
  })

test('ogent start warns of operators, who could become admin through its agent, and of no other role', {
  timeout: 150_000,
}, async () => {
  using folder = temporaryFolder()
  await addUser(folder.path, 'victor', 'viewer')
  await addUser(folder.path, 'agents', 'agent')
  expect(await startIn(folder.path)).not.toContain('warning')
  await addUser(folder.path, 'olga', 'operator')
  expect(await startIn(folder.path)).toContain('ogent: warning: an account has the role operator')
})

test('ogent start reads secrets from the files that .env names, for its roles too', {
  timeout: 150_000,
}, async () => {
  using folder = temporaryFolder()
  writeFileSync(join(folder.path, 'admin'), 'a password of some length\n')
  writeFileSync(join(folder.path, 'metrics'), 'a token that is long enough for the metrics\n')
  const settings = [
    'ADMIN_PASSWORD_FILE=admin',
    'AGENT_PASSWORD_FILE=/no/such/file',
    'METRICS_TOKEN_FILE=metrics',
  ]
  writeFileSync(join(folder.path, '.env'), settings.join('\n'))
  expect(await startIn(folder.path)).toBe('')
})

test('ogent controller names the file of a secret that cannot be read', async () => {
  using folder = temporaryFolder()
  const { code, stderr } = await run(process.execPath, [main, 'controller'], {
    cwd: folder.path,
    env: { PORT: '0', SECRET_KEY_FILE: '/no/such/file' },
  })
  expect(code).not.toBe(0)
  expect(stderr).toContain('SECRET_KEY_FILE: got "/no/such/file", takes a file with the secret alone')
})
