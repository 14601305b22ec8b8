import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { SshExecutor } from '../../../../src/agent/executors/ssh/executor.js'
import { runOn } from '../../../suites/executor-suite.js'
import { Sshd, type SshdOptions, silent, whyNoSshd } from '../../../support/sshd.js'

const skip = whyNoSshd()
const GUARD = { timeout: 300_000 }

/** The output of one command on such a server, or the sentence of the error. */
async function attempt(options: SshdOptions, byFingerprint = false): Promise<string> {
  await using sshd = await Sshd.start(options)
  const [type = 'ed25519'] = options.hostKeys ?? []
  const [, hostFingerprint] = execFileSync('ssh-keygen', ['-l', '-f', sshd.hostKey(type)])
    .toString()
    .split(' ')
  const more = byFingerprint ? { hostFingerprint } : {}
  const executor = new SshExecutor(sshd.settings({ timeoutMs: 30_000, ...more }), { log: silent })
  try {
    return (await runOn(executor, 'echo in')).stdout.toString()
  } catch (error) {
    expect(error).toMatchObject({ code: 'TARGET_UNAVAILABLE' })
    return error instanceof Error ? error.message : String(error)
  } finally {
    await executor.close()
  }
}

const title = 'an SSH server'
describe.skipIf(skip !== undefined)(skip === undefined ? title : `${title} (skipped: ${skip})`, () => {
  test.each([false, true])(
    'is refused, with the name of the algorithm, when its host key signs with SHA-1 alone (by fingerprint: %s)',
    GUARD,
    async (byFingerprint) => {
      const config = ['HostKeyAlgorithms ssh-rsa']
      const sentence = await attempt({ hostKeys: ['rsa'], config }, byFingerprint)
      expect(sentence).toContain('offers no host key algorithm that is taken here, only ssh-rsa')
      expect(sentence).toContain('SHA-1')
    },
  )

  test('is accepted when its RSA key signs with SHA-2', GUARD, async () => {
    expect(await attempt({ hostKeys: ['rsa'] })).toBe('in\n')
    expect(await attempt({ hostKeys: ['rsa'], config: ['HostKeyAlgorithms ssh-rsa,rsa-sha2-256'] })).toBe(
      'in\n',
    )
  })

  test.each([
    ['KexAlgorithms sntrup761x25519-sha512@openssh.com', 'key exchange method', 'sntrup761x25519-sha512'],
    ['Ciphers 3des-cbc', 'cipher', '3des-cbc'],
    ['MACs umac-64@openssh.com\nCiphers aes256-ctr', 'MAC', 'umac-64@openssh.com'],
  ])('is refused, with its offer, when nothing of it is accepted: %s', GUARD, async (config, what, offer) => {
    const sentence = await attempt({ config: [config] })
    expect(sentence).toContain(`offers no ${what} that is taken here, only ${offer}`)
  })
})
