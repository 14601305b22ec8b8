import { describe, expect, test } from 'vitest'
import { until } from '../support/processes.js'
import { Sshd, whyNoSshd } from '../support/sshd.js'
import { startSystem } from '../support/system.js'

function settingsFor(sshd: Sshd) {
  return {
    SSH_ENABLED: true,
    SSH_HOST: '127.0.0.1',
    SSH_PORT: sshd.port,
    SSH_USERNAME: sshd.username,
    SSH_KEY_PATH: sshd.userKey,
    SSH_KNOWN_HOSTS: sshd.knownHosts,
    SSH_TIMEOUT: 1,
  }
}

const reason = whyNoSshd()

describe.skipIf(reason !== undefined)(
  `commands on an SSH target${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    test('run on the target with auto and on the agent with local, and say where they ran', async () => {
      await using sshd = await Sshd.start()
      await using system = await startSystem({ agent: settingsFor(sshd) })
      const ogent = system.client()
      const target = `${sshd.username}@127.0.0.1:${sshd.port}`
      const there = await ogent.execute({ agent_id: 'agent-1', command: 'echo $SSH_CONNECTION' })
      expect(there).toMatchObject({ status: 'success', execution_type: 'ssh', target })
      expect(there.stdout).toContain('127.0.0.1')
      const here = await ogent.execute({
        agent_id: 'agent-1',
        command: 'echo "[$SSH_CONNECTION]"',
        execution_target: 'local',
      })
      expect(here).toMatchObject({ execution_type: 'local', target: 'agent-1', stdout: '[]\n' })
    })

    test('fail with the reason when the target is away, which the info of the agent shows too', {
      timeout: 240_000,
    }, async () => {
      await using sshd = await Sshd.start()
      await using system = await startSystem({ agent: settingsFor(sshd) })
      const ogent = system.client()
      const status = async () => (await ogent.agents.get('agent-1')).agent_info.ssh_status
      await until('the target is connected', async () => (await status()) === 'connected')
      expect((await ogent.agents.get('agent-1')).agent_info).toMatchObject({
        ssh_enabled: true,
        ssh_target: `${sshd.username}@127.0.0.1:${sshd.port}`,
        platform: 'Linux',
      })
      await sshd.kill()
      await until('the loss is told', async () => (await status()) !== 'connected')
      const run = ogent.execute({ agent_id: 'agent-1', command: 'true', execution_target: 'ssh' })
      await expect(run).rejects.toMatchObject({
        code: 'TARGET_UNAVAILABLE',
        message: expect.stringMatching(/refused/),
      })
      const [last] = (await ogent.commands.list({ limit: 1 })).commands
      expect(last).toMatchObject({ status: 'error', reason: expect.stringMatching(/^TARGET_UNAVAILABLE: /) })
      const reply = system.fetch('/agents/agent-1/execute', 'operator', {
        method: 'POST',
        body: JSON.stringify({ command: 'true', execution_target: 'ssh' }),
      })
      expect((await reply).status).toBe(409)
      await sshd.up()
      // The wait between two attempts grows to 30 s.
      await until('the target is back', async () => (await status()) === 'connected', 120_000)
      expect(await ogent.execute({ agent_id: 'agent-1', command: 'echo back' })).toMatchObject({
        stdout: 'back\n',
      })
    })
  },
)
