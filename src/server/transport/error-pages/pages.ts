import { createHash } from 'node:crypto'
import { type ErrorCode, errorTable } from '../../../shared/errors.js'
import { explanations } from './explanations.js'

/** The pages that `type` of a problem leads to, as HTML without scripts: they work in any browser, with nothing from elsewhere. */

const STYLE = `
:root { color-scheme: light dark; --text: #1f2328; --back: #ffffff; --soft: #59636e; --line: #d1d9e0; --link: #0969da; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --back: #0d1117; --soft: #9198a1; --line: #3d444d; --link: #4493f8; }
}
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; color: var(--text); background: var(--back);
  font: 1rem/1.6 system-ui, sans-serif; }
a { color: var(--link); }
h1 { line-height: 1.25; }
h2 { margin-top: 2rem; font-size: 1.15rem; }
code { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
.facts { color: var(--soft); }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .4rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
`

/** Such a page may have this style, and load nothing. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export const ERRORS_PATH = '/docs/errors'

/** The name of a code in addresses, such as `agent-not-found`. */
export function slugOf(code: ErrorCode): string {
  return code.toLowerCase().replaceAll('_', '-')
}

/** Where the page of a code is, as a reference that is relative to the controller. */
export function errorPagePath(code: ErrorCode): string {
  return `${ERRORS_PATH}/${slugOf(code)}`
}

export const errorCodes = Object.keys(errorTable) as ErrorCode[] // The keys of the table are the codes.

/** The page of one code. */
export function errorPage(code: ErrorCode): string {
  const { title, status, retryable } = errorTable[code]
  const { happened, when, retry, next } = explanations[code]
  return pageOf(`${title} (${code})`, [
    `<h1>${escaped(title)}</h1>`,
    `<p class="facts"><code>${code}</code> · HTTP status ${status}</p>`,
    '<h2>What happened</h2>',
    `<p>${marked(happened)}</p>`,
    '<h2>When this is answered</h2>',
    listOf('ul', when),
    '<h2>Does a retry help?</h2>',
    `<p><strong>${retryable ? 'Yes, later.' : 'No.'}</strong> ${marked(retry)}</p>`,
    '<h2>What to do next</h2>',
    listOf('ol', next),
    `<p><a href="${ERRORS_PATH}">All errors</a> · <a href="/docs/api">The API</a></p>`,
  ])
}

/** The page that lists all codes. */
export function errorListPage(): string {
  const rows = errorCodes.map((code) => {
    const { title, status, retryable } = errorTable[code]
    const link = `<a href="${errorPagePath(code)}"><code>${code}</code></a>`
    return `<tr><td>${link}</td><td>${escaped(title)}</td><td>${status}</td><td>${retryable ? 'yes' : 'no'}</td></tr>`
  })
  return pageOf('Errors', [
    '<h1>Errors</h1>',
    '<p>Every error has one of these codes: over REST and <code>/ws</code> as <code>code</code>, over tRPC as',
    '<code>error.data.ogent.code</code>, in the SDK as <code>error.code</code>.</p>',
    '<table><thead><tr><th>Code</th><th>What it says</th><th>Status</th><th>Retry helps</th></tr></thead><tbody>',
    ...rows,
    '</tbody></table>',
    '<p><a href="/docs/api">The API</a></p>',
  ])
}

function pageOf(title: string, body: string[]): string {
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${escaped(title)} · Ogent</title>`,
    `<style>${STYLE}</style>`,
    '</head>',
    '<body>',
    '<main>',
    ...body,
    '</main>',
    '</body>',
    '</html>',
    '',
  ].join('\n')
}

function listOf(tag: 'ol' | 'ul', items: readonly string[]): string {
  return `<${tag}>\n${items.map((item) => `<li>${marked(item)}</li>`).join('\n')}\n</${tag}>`
}

/** Text with code between backticks. */
function marked(text: string): string {
  return escaped(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>')
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
