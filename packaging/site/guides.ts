import { readFileSync } from 'node:fs'

/** The pages of the site and where they come from. What a page is for is said once, in docs/README.md. */

export type Group = { title: string; pages: readonly string[] }

/** In the order of the sidebar. A page is named as in its address, without the ending. */
export const groups: readonly Group[] = [
  { title: 'Start', pages: ['why-ogent', 'quick-start', 'tour', 'install-agent', 'migrating'] },
  {
    title: 'Guides',
    pages: ['cli', 'sdk', 'rest', 'websocket', 'raw-trpc', 'ssh', 'guard', 'proxies', 'examples'],
  },
  { title: 'Reference', pages: ['settings', 'reference', 'errors', 'glossary'] },
  {
    title: 'Operate',
    pages: ['operations', 'monitoring', 'security', 'many-controllers', 'troubleshooting', 'performance'],
  },
  {
    title: 'Develop',
    pages: ['architecture', 'adding-a-capability', 'link-protocol', 'contributing', 'changelog'],
  },
]

export const pages: readonly string[] = groups.flatMap((group) => group.pages)

/** Pages that are not made of a guide of their name. */
const sources: Record<string, string> = {
  index: 'docs/README.md',
  examples: 'examples/README.md',
  contributing: 'CONTRIBUTING.md',
  changelog: 'CHANGELOG.md',
}

/** The file of the repository that a page is made of. */
export function sourceOf(page: string): string {
  return sources[page] ?? `docs/${page}.md`
}

/** The page of a file of the repository; undefined where the site has none. */
export function pageOf(file: string): string | undefined {
  // Both lead on from the beginning.
  if (file === 'README.md') return 'index'
  return ['index', ...pages].find((page) => sourceOf(page) === file)
}

/** The heading of a guide. */
export function titleOf(text: string): string {
  const title = text.match(/^# (.+)$/m)?.[1]
  if (title === undefined) throw new Error(`A guide has no heading: ${text.slice(0, 80)}`)
  return title.replaceAll('`', '')
}

/** The headings of all guides, by their pages. */
export function titlesOf(read: ReadFile): ReadonlyMap<string, string> {
  return new Map(['index', ...pages].map((page) => [page, titleOf(read(sourceOf(page)))]))
}

/** What the table of docs/README.md says that a page is for, as a sentence. */
export function notesOf(index: string): ReadonlyMap<string, string> {
  const rows = [...index.matchAll(/^\| (.+?) \| (\[.+) \|$/gm)]
  return new Map(
    rows.flatMap(([, purpose = '', links = '']) => {
      const files = [...links.matchAll(/\]\((?:\.\.\/)?([^)]+)\)/g)].map(([, file = '']) => file)
      const note = `${purpose.charAt(0).toUpperCase()}${purpose.slice(1)}.`
      return files.map((file) => [pageOf(file) ?? pageOf(`docs/${file}`) ?? file, note] as const)
    }),
  )
}

export type ReadFile = (path: string) => string

/** Reads files of the repository. */
export function readerOf(root: URL): ReadFile {
  return (path) => readFileSync(new URL(path, root), 'utf8')
}
