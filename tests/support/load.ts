import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/** Computes until its standard input closes, which it does when the test run ends in any way. */
const SPIN = `process.stdin.on('close', () => process.exit()).resume()
const spin = () => { for (const until = Date.now() + 50; Date.now() < until;); setImmediate(spin) }
spin()`

/**
 * Keeps processors busy during a whole test run: `OGENT_TEST_LOAD` says how many processes compute, none without it.
 * A test that passes on an idle machine and fails beside them waits for a time where it should wait for an event.
 */
export default function load(): (() => Promise<void>) | undefined {
  const wanted = process.env.OGENT_TEST_LOAD ?? '0'
  const count = Number(wanted)
  if (!Number.isInteger(count) || count < 0 || count > 64) {
    throw new Error(`OGENT_TEST_LOAD is a number of processes from 0 to 64, not ${JSON.stringify(wanted)}.`)
  }
  if (count === 0) return undefined
  const children = Array.from({ length: count }, spinner)
  console.log(`${count} processes keep the processors busy.`)
  return async () => {
    await Promise.all(children.map(end))
  }
}

function spinner(): ChildProcess {
  return spawn(process.execPath, ['-e', SPIN], { stdio: ['pipe', 'ignore', 'ignore'] })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
