import { execFileSync } from 'node:child_process'

/** Tests that start `ogent` as a process run what users run: the built package. Built once a run. */
export default function build(): void {
  execFileSync('npm', ['run', 'build', '--silent'], { stdio: 'inherit' })
}
