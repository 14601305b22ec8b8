import { groups, notesOf, type ReadFile, sourceOf, titleOf } from './guides.js'
import { siteWriter } from './rewrite.js'

/** What programs that read for a model look for (https://llmstxt.org). */

const SUMMARY = `# Ogent

> Ogent runs commands on machines and shows their output live: a controller, agents that dial in to it, and a typed SDK, a command line and a REST API.
`

const DETAILS = `The addresses are those of a controller, which serves these pages at \`/docs/\`, and its OpenAPI document at \`/openapi.json\`. All guides in one are at
[llms-full.txt](/docs/llms-full.txt).
`

/** llms.txt: the guides as Markdown, each with what it is for. */
export function llmsIndex(read: ReadFile): string {
  const notes = notesOf(read('docs/README.md'))
  const sections = groups.map(({ title, pages }) => {
    const links = pages.map((page) => {
      const note = notes.get(page)
      return `- [${titleOf(read(sourceOf(page)))}](/docs/${page}.md)${note === undefined ? '' : `: ${note}`}`
    })
    // By that name, a section may be left out where there is little room.
    return [`## ${title === 'Develop' ? 'Optional' : title}`, '', ...links, ''].join('\n')
  })
  return [SUMMARY, DETAILS, ...sections].join('\n')
}

/** llms-full.txt: all guides for users and operators, one after the other. */
export function llmsFull(read: ReadFile): string {
  const pages = groups.filter(({ title }) => title !== 'Develop').flatMap((group) => group.pages)
  const written = siteWriter(read)
  const texts = pages.map((page) => `<!-- /docs/${page}.md -->\n\n${written(sourceOf(page)).trim()}\n`)
  return [SUMMARY, ...texts].join('\n')
}
