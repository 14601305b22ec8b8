import { explanations } from '../../src/server/transport/error-pages/explanations.js'
import { errorCodes, errorPagePath } from '../../src/server/transport/error-pages/pages.js'
import { errorTable } from '../../src/shared/errors.js'

const INTRODUCTION = `# Errors

<!-- Made by \`npm run docs\` from src/server/transport/error-pages/explanations.ts: change that file. -->

Every error has one of these codes, the same over REST and \`/ws\` (\`code\`), tRPC (\`error.data.ogent.code\`) and the SDK
(\`error.code\`). A controller shows the same words: \`type\` of a problem is the address of its page, such as
\`/docs/errors/agent-not-found\`. "Retry" says whether the same request may succeed later.
`

/** docs/errors.md: the words of the pages of a controller, for those who read the guides. */
export function errorsGuide(): string {
  const rows = errorCodes.map((code) => {
    const { title, status, retryable } = errorTable[code]
    // A heading that is one word of code gets its letters, in lower case, as its anchor.
    return `| [\`${code}\`](#${code.toLowerCase()}) | ${status} | ${yesOrNo(retryable)} | ${title} |`
  })
  const table = ['| code | status | retry | |', '|---|--:|---|---|', ...rows].join('\n')
  return `${[INTRODUCTION, table, ...errorCodes.map(sectionOf)].join('\n')}\n`
}

function sectionOf(code: (typeof errorCodes)[number]): string {
  const { title, status, retryable } = errorTable[code]
  const { happened, when, retry, next } = explanations[code]
  return [
    '',
    `## ${code}`,
    '',
    `${title}: status ${status}, \`${errorPagePath(code)}\`.`,
    '',
    linked(happened),
    '',
    'It is answered when:',
    '',
    ...when.map((cause) => `- ${linked(cause)}`),
    '',
    `Does a retry help? **${retryable ? 'Yes, later.' : 'No.'}** ${linked(retry)}`,
    '',
    'What to do next:',
    '',
    ...next.map((step, at) => `${at + 1}. ${linked(step)}`),
  ].join('\n')
}

function yesOrNo(value: boolean): string {
  return value ? 'yes' : 'no'
}

/** Names of guides as links: they are in the same folder. */
function linked(text: string): string {
  return text.replaceAll(/`docs\/([\w-]+\.md)`/g, '[$1]($1)')
}
