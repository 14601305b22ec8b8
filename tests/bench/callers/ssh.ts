import { spawn } from 'node:child_process'
import { type Caller, numberOf } from './caller.js'

/** A caller through `ssh`, one process a command, over masters that are kept open. */
export function sshCaller(program: string, targets: { control: string; destination: string }[]): Caller {
  return {
    run: (agent, command, sink) =>
      new Promise((resolve, reject) => {
        const target = targets[numberOf(agent) % targets.length]
        if (!target) return reject(new Error('ssh has no target.'))
        const { control, destination } = target
        const options = ['-F', '/dev/null', '-S', control, '-o', 'BatchMode=yes', '-T']
        const child = spawn(program, [...options, destination, command], {
          stdio: ['ignore', 'pipe', 'ignore'],
        })
        child.once('error', reject)
        child.stdout.on('data', sink)
        child.once('close', resolve)
      }),
    close: async () => {},
  }
}
