import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'vitepress'
import { pages, readerOf, sourceOf } from './guides.js'
import { homePage } from './home.js'
import { writeListing } from './listing.js'
import { llmsFull, llmsIndex } from './llms.js'
import { copyOf, isCopied, siteWriter } from './rewrite.js'
import { writeTypeScript } from './typescript.js'

/** `npm run docs:site`: builds the guides as a site, which a controller serves at /docs/. */

/** This runs bundled, in a folder below its source. */
const ROOT = new URL('../../../', import.meta.url)
const SITE = new URL('packaging/site/', ROOT)
/** What VitePress makes the site of. */
const STAGED = new URL('.staged/', SITE)

/** Pages with a table that needs the room of the list of headings. */
const WIDE = ['settings', 'why-ogent']
const NO_ASIDE = '---\naside: false\n---\n\n'

const { values } = parseArgs({
  // Where it goes.
  options: { out: { type: 'string', default: fileURLToPath(new URL('dist/docs', ROOT)) } },
})
const out = resolve(values.out)

rmSync(STAGED, { recursive: true, force: true })
stageGuides()
stageFiles()
await writeTypeScript(ROOT, new URL('typescript/', STAGED))
rmSync(out, { recursive: true, force: true })
// Of names that end so, VitePress does not know that they are no pages.
process.env.VITE_EXTRA_EXTENSIONS = 'sh'
await build(fileURLToPath(SITE), { outDir: out })
writeListing(out)
process.stdout.write(`The site is in ${values.out}.\n`)

/** Each twice: as a page, and as Markdown for programs. */
function stageGuides(): void {
  const read = readerOf(ROOT)
  const written = siteWriter(read)
  for (const page of ['index', ...pages]) {
    const text = written(sourceOf(page))
    write(`${page}.md`, page === 'index' ? homePage(read) : `${WIDE.includes(page) ? NO_ASIDE : ''}${text}`)
    write(`public/${page}.md`, text)
  }
  write('public/llms.txt', llmsIndex(read))
  write('public/llms-full.txt', llmsFull(read))
}

/** Pictures and examples, as they are; read and written, since a copy would have the mode of a file in the checkout. */
function stageFiles(): void {
  const read = readerOf(ROOT)
  for (const folder of ['docs/pictures', 'examples']) {
    for (const name of readdirSync(new URL(`${folder}/`, ROOT))) {
      const file = `${folder}/${name}`
      if (isCopied(file)) write(`public/${copyOf(file)}`, read(file))
    }
  }
  write(`public/${copyOf('.env.example')}`, read('.env.example'))
  write('public/logo.svg', read('packaging/site/logo.svg'))
}

function write(name: string, text: string): void {
  const file = fileURLToPath(new URL(name, STAGED))
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
