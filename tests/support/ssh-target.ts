import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SshExecutor, type SshOptions } from '../../src/agent/executors/ssh/executor.js'
import type { SshSettings } from '../../src/agent/executors/ssh/settings.js'
import { Sshd, type SshdOptions, silent } from './sshd.js'

export type SshTargetOptions = Partial<SshOptions> & {
  sshd?: SshdOptions
  settings?: Partial<SshSettings>
  /** Start files by their names in the login's home; `HOME` in them is the path of that folder. */
  home?: Record<string, string>
}

/** A real sshd with an executor on it, whose login shell finds these start files from the first session on. */
export async function sshTarget({ sshd: options, settings, home = {}, ...more }: SshTargetOptions = {}) {
  const sshd = await Sshd.start(options)
  const folder = join(sshd.folder, 'home')
  // Another user than the one that runs the tests may log in.
  chmodSync(sshd.folder, 0o755)
  chmodSync(folder, 0o777)
  for (const [name, text] of Object.entries(home)) {
    writeFileSync(join(folder, name), text.replaceAll('HOME', folder), { mode: 0o644 })
  }
  const executor = new SshExecutor(sshd.settings(settings), {
    log: silent,
    leftBehindMs: 300,
    killGraceMs: 300,
    ...more,
  })
  executor.open()
  return {
    sshd,
    executor,
    home: folder,
    [Symbol.asyncDispose]: async () => {
      await executor.close()
      await sshd[Symbol.asyncDispose]()
    },
  }
}
