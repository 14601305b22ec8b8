import { posix } from 'node:path'
import { pageOf, type ReadFile, titlesOf } from './guides.js'

/** Makes guides as the site has them: without comments, and with links that lead somewhere on the site. */
export function siteWriter(read: ReadFile): (file: string) => string {
  const titles = titlesOf(read)
  return (file) =>
    outsideOfCode(read(file), (prose) => linked(file, prose.replaceAll(/^<!--.*?-->\n+/gms, ''), titles))
}

/** Of the files that are not in Markdown, those that the site has: what a reader copies. */
export function isCopied(file: string): boolean {
  return /^(\.env\.example|examples\/[\w-]+\.(mjs|sh)|docs\/pictures\/[\w-]+\.svg)$/.test(file)
}

/** Where the site has such a file, from its beginning. */
export function copyOf(file: string): string {
  return file === '.env.example' ? 'env.example.txt' : file.replace(/^docs\//, '')
}

const FENCE = /(^ *```[^\n]*\n.*?^ *```$)/gms

function outsideOfCode(text: string, change: (prose: string) => string): string {
  // Every second part is what the expression has caught.
  return text
    .split(FENCE)
    .map((part, at) => (at % 2 === 0 ? change(part) : part))
    .join('')
}

type Titles = ReadonlyMap<string, string>

function linked(file: string, prose: string, titles: Titles): string {
  return prose.replaceAll(/(!?)\[((?:[^\][]|\[[^\]]*\])*)\]\(([^)\s]+)\)/g, (whole, image, words, target) => {
    if (/^([a-z]+:|#|\/)/.test(target)) return whole
    const [path = '', anchor] = target.split('#', 2)
    const meant = posix.join(posix.dirname(file), path)
    const page = pageOf(meant)
    if (page !== undefined)
      return `[${named(words, titles.get(page))}](./${page}.md${anchor ? `#${anchor}` : ''})`
    // What the site does not have is in the repository: its name says where.
    if (!isCopied(meant)) return plain(words)
    // A picture is found from the beginning of the site.
    return image ? `![${words}](/${copyOf(meant)})` : `[${words}](./${copyOf(meant)})`
  })
}

/** Readers of a page know nothing of its file. */
function named(words: string, title: string | undefined): string {
  return /^[\w./-]+\.md$/.test(words) ? (title ?? words) : words
}

function plain(words: string): string {
  return /^[\w./-]+$/.test(words) && /[./]/.test(words) ? `\`${words}\`` : words
}
