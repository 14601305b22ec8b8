import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** With OGENT_REQUIRE_SERVICES=1 nothing may be skipped: continuous integration installs what is needed. */
export const servicesRequired = process.env.OGENT_REQUIRE_SERVICES === '1'

/**
 * For `describe.skipIf(needs('redis-server'))`: true where the program is not installed. Throws instead when
 * services are required, so that the missing program is named by the failure.
 */
export function needs(program: string): boolean {
  if (programPath(program) !== undefined) return false
  if (servicesRequired)
    throw new Error(`${program} is not installed, and OGENT_REQUIRE_SERVICES=1 asks for it.`)
  return true
}

/** The same for a module of the system's Python. */
export function needsPython(module: string): boolean {
  if (spawnSync('/usr/bin/python3', ['-c', `import ${module}`]).status === 0) return false
  if (servicesRequired)
    throw new Error(`Python's ${module} is not installed, and OGENT_REQUIRE_SERVICES=1 asks for it.`)
  return true
}

/** Where a program is; daemons live outside an ordinary user's PATH. */
export function programPath(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return folders.map((folder) => join(folder, program)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
