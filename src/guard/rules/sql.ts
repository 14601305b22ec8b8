/** What a text of SQL does, from its words: strings and comments are left out first. */
export interface SqlStatement {
  readonly words: readonly string[]
  readonly text: string
}

const longest = 100_000

export function sqlStatements(text: string): readonly SqlStatement[] {
  return bare(text.slice(0, longest))
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
    .map((statement) => ({
      text: statement.replace(/\s+/g, ' '),
      words: statement
        .toUpperCase()
        .split(/[\s()]+/)
        .filter(Boolean),
    }))
}

/** Without the content of strings and without comments, so that what is only mentioned does not count. */
function bare(text: string): string {
  let out = ''
  for (let at = 0; at < text.length; at++) {
    const two = text.slice(at, at + 2)
    const char = text.charAt(at)
    if (two === '--' || char === '#') at = endOf(text, '\n', at)
    else if (two === '/*') at = endOf(text, '*/', at) + 1
    else if (char === "'") {
      at = endOf(text, "'", at + 1)
      out += "''"
    } else out += char
  }
  return out
}

function endOf(text: string, mark: string, from: number): number {
  const end = text.indexOf(mark, from)
  return end < 0 ? text.length : end
}

/** `DROP DATABASE`, `TRUNCATE`, and statements that destroy data without a WHERE. */
export function destroysData(statement: SqlStatement): boolean {
  const [first, second, third] = statement.words
  if (first === 'DROP')
    return /^(?:DATABASE|SCHEMA|TABLE|TABLESPACE|KEYSPACE|COLLECTION|OWNED|USER|ROLE)$/.test(second ?? '')
  if (first === 'TRUNCATE') return true
  if (first === 'DELETE') return !statement.words.includes('WHERE') && !statement.words.includes('USING')
  if (first === 'UPDATE') return !statement.words.includes('WHERE') && statement.words.includes('SET')
  if (first === 'ALTER' && second === 'TABLE')
    return (
      statement.words.includes('DROP') &&
      !statement.words.includes('CONSTRAINT') &&
      !statement.words.includes('INDEX') &&
      third !== undefined
    )
  return /^(?:FLUSHALL|FLUSHDB)$/.test(first ?? '')
}

export function changesSchema(statement: SqlStatement): boolean {
  return /^(?:ALTER|DELETE|UPDATE|GRANT|REVOKE|DROP|VACUUM|REINDEX|KILL)$/.test(statement.words[0] ?? '')
}
