import { describe, expect, test } from 'vitest'
import { createObjection, type PolicyOptions } from '../../../src/agent/commands/policy.js'
import { judge } from '../../../src/guard/execution-context.js'
import type { ExecuteOrder } from '../../../src/shared/link/protocol.js'

const open: PolicyOptions = {
  guard: 'off',
  allow: undefined,
  envDeny: [],
  targets: 'both',
  ssh: false,
  judge,
}

/** What the agent says, or nothing where the order may run. */
async function said(options: Partial<PolicyOptions>, order: Partial<ExecuteOrder>): Promise<string> {
  // Only what an objection reads of an order.
  const whole = { command: 'ls', execution_target: 'auto', ...order } as ExecuteOrder
  const refusal = await createObjection({ ...open, ...options })(whole)
  return refusal ? [refusal.sentence, ...refusal.risks].join(' ') : ''
}

describe('an agent without a policy', () => {
  test('runs every command that it receives', async () => {
    expect(await said({}, { command: 'rm -rf /', env: { A: '1' } })).toBe('')
  })

  test.each(['LD_PRELOAD', 'LD_AUDIT', 'DYLD_INSERT_LIBRARIES', 'NODE_OPTIONS', 'BASH_ENV', 'ENV'])(
    'does not accept %s from a controller',
    async (name) => {
      expect(await said({}, { env: { [name]: '/tmp/x' } })).toContain(name)
    },
  )
})

describe('AGENT_GUARD', () => {
  const evasions: Partial<ExecuteOrder>[] = [
    { command: `${'true;'.repeat(900)}rm -rf /` },
    { command: 'sh', stdin: `${'# a comment\n'.repeat(3000)}rm -rf /` },
    { command: 'cat > f; sh f', stdin: `${'# a comment\n'.repeat(3000)}rm -rf /` },
    { command: 'python3 -', stdin: `${'# a comment\n'.repeat(3000)}import os; os.system("rm -rf /")` },
    { command: 'psql', stdin: `${'-- a comment\n'.repeat(3000)}drop database x` },
    { command: 'xargs rm', stdin: `${'a\n'.repeat(300)}/etc/passwd` },
    { command: 'rm -rf build' },
    { command: 'eval "$X"' },
    { command: 'echo "open' },
  ]

  test.each(evasions)('strict refuses what is not low ($command.length characters)', async (order) => {
    expect(await said({ guard: 'strict' }, order)).toContain('AGENT_GUARD')
  })

  test.each([{ command: 'ls -la' }, { command: 'cat', stdin: 'x\n'.repeat(40_000) }])(
    'strict runs what is low: $command',
    async (order) => {
      expect(await said({ guard: 'strict' }, order)).toBe('')
    },
  )

  test.each([
    'rm -rf /',
    'cp /bin/rm /tmp/ls; /tmp/ls -rf /',
    'ln -s /bin/rm x && ./x -rf /',
    'install /usr/bin/rm /tmp/a; cp /tmp/a /tmp/b; /tmp/b -rf /',
    'cp /bin/sh s; ./s -c "rm -rf /"',
  ])('block refuses %s', async (command) => {
    expect(await said({ guard: 'block' }, { command })).toContain('high')
  })

  const reading = [
    'sh',
    'sh -s',
    'bash /dev/stdin',
    'cat | sh',
    'python3',
    'python3 -',
    'node -',
    'perl',
    'psql',
    'xargs rm',
    'read line; $line',
    '. /dev/stdin',
    'cat > f; sh f',
    'sudo -s',
    'su',
    'ssh host',
    'docker exec -i web sh',
    'at now',
    'crontab -',
  ]

  test.each(reading)(
    'strict refuses %s with an open standard input, with any beginning of it',
    async (command) => {
      for (const stdin of [
        undefined,
        '',
        'true\n',
        "x\nOGENT_STANDARD_INPUT\ntrue\n: <<'OGENT_STANDARD_INPUT'",
      ]) {
        const text = await said({ guard: 'strict' }, { command, stdin, open_stdin: true })
        expect(text, JSON.stringify(stdin)).toContain('AGENT_GUARD')
      }
    },
  )

  test('strict names the open standard input of a command that runs it', async () => {
    expect(await said({ guard: 'strict' }, { command: 'sh' })).toBe('')
    expect(await said({ guard: 'strict' }, { command: 'sh', open_stdin: true })).toContain(
      'open standard input cannot be judged',
    )
  })

  test.each(['cat', 'wc -c', 'grep x', 'sha256sum'])(
    'strict runs %s with an open standard input, which only passes through it',
    async (command) => {
      expect(await said({ guard: 'strict' }, { command, open_stdin: true })).toBe('')
    },
  )

  test('block refuses a high risk that has come already, and runs what is not known of an open input', async () => {
    const sh = { command: 'sh', open_stdin: true }
    expect(await said({ guard: 'block' }, { ...sh, stdin: 'rm -rf /' })).toContain('high')
    expect(await said({ guard: 'block' }, sh)).toBe('')
  })

  test('block runs what is medium or unknown', async () => {
    expect(await said({ guard: 'block' }, { command: 'rm -rf build' })).toBe('')
    expect(await said({ guard: 'block' }, { command: 'echo "open' })).toBe('')
  })
})

describe('AGENT_ALLOW', () => {
  const allow = ['uptime', 'systemctl status *', 'tail -n * /var/log/*.log', 'echo a && echo b', 'ls *']

  test.each([
    'uptime',
    'systemctl status nginx',
    'systemctl status a b',
    'tail -n 20 /var/log/a.log',
    'echo a && echo b',
    'ls ',
  ])('allows %j', async (command) => {
    expect(await said({ allow }, { command })).toBe('')
  })

  test.each([
    'uptime ',
    'uptime; id',
    'Uptime',
    'systemctl status',
    'systemctl restart nginx',
    'systemctl status x; id',
    'systemctl status $(id)',
    'systemctl status `id`',
    'systemctl status x\nid',
    'systemctl status x | sh',
    'systemctl status x > /etc/passwd',
    'tail -n 20 /var/log/a.log /etc/shadow',
    ' ls a',
  ])('refuses %j', async (command) => {
    expect(await said({ allow }, { command })).toContain('AGENT_ALLOW')
  })

  test('allows nothing when the list is empty', async () => {
    expect(await said({ allow: [] }, { command: 'ls' })).toContain('AGENT_ALLOW')
  })
})

describe('AGENT_ENV_DENY and AGENT_TARGETS', () => {
  test('refuse a variable by its name or by a pattern of names', async () => {
    const envDeny = ['PATH', 'GIT_*', '*_TOKEN']
    for (const name of ['PATH', 'GIT_SSH_COMMAND', 'A_TOKEN']) {
      expect(await said({ envDeny }, { env: { OK: '1', [name]: 'x' } })).toContain(name)
    }
    expect(await said({ envDeny }, { env: { PATHS: '1', MY_GIT_X: '2' } })).toBe('')
    expect(await said({ envDeny: ['*'] }, { env: { A: '1' } })).toContain('AGENT_ENV_DENY')
  })

  test('refuse a target, also when auto resolves to it', async () => {
    const ssh = { targets: 'ssh', ssh: true } as const
    expect(await said(ssh, { execution_target: 'local' })).toContain('AGENT_TARGETS')
    expect(await said(ssh, { execution_target: 'auto' })).toBe('')
    const local = { targets: 'local', ssh: true } as const
    expect(await said(local, { execution_target: 'auto' })).toContain('AGENT_TARGETS')
    expect(await said(local, { execution_target: 'local' })).toBe('')
  })
})
