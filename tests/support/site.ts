import { cpSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { BackgroundProgram } from './background.js'
import { temporaryFolder } from './folder.js'
import { run } from './program.js'
import { repository } from './samples.js'

/** The guides as a site, built by the script of the package, and the built controller that serves it. */
export type ServedSite = AsyncDisposable & {
  url: string
  /** The paths of its files. */
  files: string[]
  text(path: string): string
}

export async function startSite(): Promise<ServedSite> {
  const folder = temporaryFolder('ogent-site-')
  // A copy: what other tests use has no site.
  const dist = join(folder.path, 'dist')
  const site = join(dist, 'docs')
  cpSync(join(repository, 'dist'), dist, {
    recursive: true,
    filter: (path) => path !== join(repository, 'dist/docs'),
  })
  cpSync(join(repository, 'package.json'), join(folder.path, 'package.json'))
  symlinkSync(join(repository, 'node_modules'), join(folder.path, 'node_modules'))
  const built = await run('npm', ['run', '--silent', 'docs:site', '--', '--out', site], {
    cwd: repository,
    timeoutMs: 570_000,
  })
  if (built.code !== 0) throw new Error(`The site was not built:\n${built.stdout}${built.stderr}`)
  const env = { PORT: '0', DATA_DIR: join(folder.path, 'data'), ADMIN_PASSWORD: 'admin-pass-1' }
  const program = join(dist, 'cli/main.js')
  const controller = new BackgroundProgram(process.execPath, [program, 'controller'], {
    cwd: folder.path,
    env,
  })
  return {
    url: await controller.line(/^Ogent controller on (\S+)$/),
    files: readdirSync(site, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(site.length + 1)),
    text: (path) => readFileSync(join(site, path), 'utf8'),
    [Symbol.asyncDispose]: async () => {
      await controller.stop()
      folder[Symbol.dispose]()
    },
  }
}
