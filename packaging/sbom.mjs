// Prints a CycloneDX list of the packages that users get: `npm run --silent sbom > ogent.cdx.json`.
// It is made in a folder that knows nothing of development: `npm sbom --omit=dev` leaves out what is needed for both.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { userLock, userManifest } from './user-lock.mjs'

const folder = mkdtempSync(join(tmpdir(), 'ogent-sbom-'))
try {
  writeFileSync(join(folder, 'package.json'), JSON.stringify(userManifest()))
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(userLock()))
  const args = ['sbom', '--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application']
  execFileSync('npm', args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] })
} finally {
  rmSync(folder, { recursive: true })
}
