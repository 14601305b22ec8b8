import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A throw-away folder, removed by `using`. */
export function temporaryFolder(prefix = 'ogent-test-') {
  const path = mkdtempSync(join(tmpdir(), prefix))
  return {
    path,
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}
