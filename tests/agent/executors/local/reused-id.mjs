// Runs inside a PID namespace: a command ends while another process holds its output, and a stranger gets the
// process id (and so the process group id) of the command's shell. Prints what became of the stranger.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { LocalExecutor } from '../../../../dist/agent/executors/local/executor.js'

const executor = new LocalExecutor({
  target: () => 'here',
  leftBehindMs: 3000,
  forks: process.argv[2] === 'true',
})
const command = 'setsid sleep 600 & exit 0'
const execution = await executor.start({ command_id: 'reused', command }, new AbortController().signal)
const { pid } = execution
const ended = () => !existsSync(`/proc/${pid}`) || /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
while (!ended()) await new Promise((resolve) => setTimeout(resolve, 5))
let stranger
for (let tries = 0; tries < 50 && stranger?.pid !== pid; tries++) {
  stranger?.kill('SIGKILL')
  // The id is free once the shell is collected, which this gives time for.
  await new Promise((resolve) => setTimeout(resolve, 20))
  writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1))
  stranger = spawn('sleep', ['500'], { stdio: 'ignore', detached: true })
}
const gotTheId = stranger.pid === pid
for await (const _ of execution.output);
const { reason } = await execution.exit
await new Promise((resolve) => setTimeout(resolve, 100))
const strangerLives = stranger.exitCode === null && stranger.signalCode === null
process.stdout.write(JSON.stringify({ gotTheId, strangerLives, reason }), () => process.exit(0))
