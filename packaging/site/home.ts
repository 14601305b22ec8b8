import { type ReadFile, sourceOf } from './guides.js'
import { siteWriter } from './rewrite.js'

/** The first page: what Ogent is, its picture, and which guide is for what. */
export function homePage(read: ReadFile): string {
  const written = siteWriter(read)
  const index = written(sourceOf('index')).replace(/^# .*\n+/, '')
  // YAML takes JSON.
  const matter = Object.entries({ layout: 'home', title: 'Ogent', titleTemplate: false, hero, features })
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
    .join('')
  return `---\n${matter}---\n\n${pictureOf(written('README.md'))}\n\n## Guides\n\n${index}`
}

const hero = {
  name: 'Ogent',
  text: 'Run a command on any machine and watch it live',
  tagline: 'From a program, a shell or plain HTTP. Agents dial out, so that your machines need no open port.',
  actions: [
    { theme: 'brand', text: 'Quick start', link: '/quick-start' },
    { theme: 'alt', text: 'Why Ogent', link: '/why-ogent' },
    { theme: 'alt', text: 'A tour', link: '/tour' },
  ],
}

const features = [
  {
    title: 'Live, byte for byte',
    details:
      'Both streams arrive apart while the command writes them, with the exit code that it really had.',
    link: '/tour',
  },
  {
    title: 'Nothing is lost',
    details: 'A broken connection does not end the command: clients go on from the last event that they saw.',
    link: '/why-ogent',
  },
  {
    title: 'Typed, or plain HTTP',
    details:
      'An SDK for Node.js and browsers, a command line, REST with OpenAPI, server-sent events and WebSockets.',
    link: '/sdk',
  },
  {
    title: 'A guard before it runs',
    details:
      'It says what a command would do, and can refuse dangerous ones. It needs no key and no network.',
    link: '/guard',
  },
]

/** The picture of the README, with its description. */
function pictureOf(readme: string): string {
  const [picture] = readme.match(/!\[[^\]]*\]\(\/pictures\/[^)]+\)/) ?? []
  if (picture === undefined) throw new Error('The README has no picture.')
  return picture
}
