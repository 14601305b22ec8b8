// What built files import, from their entries on: files beside them, with their declarations, and packages.
import { existsSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { build } from 'esbuild'

/** Files below `dist`, and names of packages, that these entries come to, by imports of code and of types. */
export async function importsOf(dist, entries) {
  const code = await ofCode(dist, entries)
  const types = ofTypes(dist, [...code.files])
  return {
    files: [...new Set([...code.files, ...types.files])].sort(),
    packages: [...new Set([...code.packages, ...types.packages])].sort(),
  }
}

async function ofCode(dist, entries) {
  const { metafile } = await build({
    entryPoints: entries.map((entry) => join(dist, entry)),
    absWorkingDir: dist,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    metafile: true,
    write: false,
    outdir: 'nowhere',
    logLevel: 'error',
  })
  const imported = Object.values(metafile.inputs).flatMap(({ imports }) => imports)
  const outside = imported.filter(({ external }) => external).map(({ path }) => path)
  return { files: Object.keys(metafile.inputs), packages: outside.flatMap(packageOf) }
}

/** Declarations are written by the compiler, which names what they import between quotes. */
function ofTypes(dist, codeFiles) {
  const files = new Set()
  const packages = []
  const waiting = codeFiles.map(declarationOf).filter((file) => existsSync(join(dist, file)))
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (files.has(file)) continue
    files.add(file)
    const text = readFileSync(join(dist, file), 'utf8')
    for (const [, specifier] of text.matchAll(/(?:from |import\(|import )["']([^"']+)["']/g)) {
      if (specifier.startsWith('.'))
        waiting.push(declarationOf(relative(dist, join(dist, dirname(file), specifier))))
      else packages.push(...packageOf(specifier))
    }
  }
  return { files: [...files], packages }
}

function declarationOf(file) {
  return file.replace(/\.js$/, '.d.ts')
}

function packageOf(specifier) {
  if (isBuiltin(specifier)) return []
  return [
    specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/'),
  ]
}
