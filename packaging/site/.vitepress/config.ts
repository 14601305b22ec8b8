import { readFileSync } from 'node:fs'
import { defineConfig } from 'vitepress'
import { groups, titleOf } from '../guides.js'
import { slugOf } from '../slug.js'
import { modules } from '../typescript.js'

const staged = new URL('../.staged/', import.meta.url)

const sidebar = groups.map(({ title, pages }) => {
  const items = pages.map((page) => ({
    text: titleOf(readFileSync(new URL(`${page}.md`, staged), 'utf8')),
    link: `/${page}`,
  }))
  return { text: title, items: title === 'Reference' ? [...items, ...references()] : items }
})

/** The page of the API is the controller's own, so that this site is left for it. */
const api = { link: '/api/', target: '_self' }

function references() {
  const ofModules = Object.entries(modules).map(([text, name]) => ({ text, link: `/typescript/${name}` }))
  return [...ofModules, { text: 'The REST API, to try', ...api }]
}

/** Nothing of it is fetched from elsewhere: a controller may have no way to the Internet. */
export default defineConfig({
  base: '/docs/',
  lang: 'en',
  title: 'Ogent',
  description: 'Run a command on any machine and watch it live.',
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: '/docs/logo.svg' }]],
  srcDir: '.staged',
  // Those are given as they are.
  srcExclude: ['public/**'],
  outDir: '../../dist/docs',
  // As a file: a script inside each page would have to be allowed by its hash.
  metaChunk: true,
  markdown: {
    // Guides and comments have no HTML: what looks like it is text.
    html: false,
    attrs: { disable: true },
    anchor: { slugify: slugOf },
    config: (md) => {
      const { text } = md.renderer.rules
      // Between such braces Vue would look for an expression.
      md.renderer.rules.text = (...given) =>
        (text?.(...given) ?? '').replaceAll('{{', '&#123;&#123;').replaceAll('}}', '&#125;&#125;')
    },
  },
  themeConfig: {
    logo: '/logo.svg',
    search: { provider: 'local' },
    nav: [
      { text: 'Quick start', link: '/quick-start' },
      { text: 'Guides', link: '/#guides' },
      { text: 'Settings', link: '/settings' },
      { text: 'API', ...api },
    ],
    sidebar,
    outline: [2, 3],
    notFound: {
      title: 'There is no such page',
      quote: 'The search may find what you look for, and so may the list of guides.',
      linkLabel: 'The list of guides',
      linkText: 'The guides',
    },
    footer: { message: 'MIT license' },
  },
})
