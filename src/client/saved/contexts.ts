import { isRecord, parseEntries, readUserFile, type UserFile } from './user-file.js'

/** A name for a controller, and the account that is meant there. */
export type Context = {
  name: string
  url: string
  username?: string
  /** A shell line whose first line of output is the password: no password is kept. */
  password_command?: string
}

/** The contexts as they are kept. */
export type SavedContexts = {
  /** The context in use. */
  current?: string
  contexts: Record<string, Omit<Context, 'name'>>
}

export const contextsFile: UserFile<SavedContexts> = {
  name: 'contexts.json',
  what: 'the contexts',
  mend: 'add them again with ogent context add',
  parse(value) {
    if (!isRecord(value) || !isTextOrNone(value.current)) return undefined
    const contexts = parseEntries(value.contexts, parseContext)
    if (!contexts) return undefined
    return { contexts, ...(value.current === undefined ? {} : { current: value.current }) }
  },
}

/** All of them, by name. */
export function contexts(): Context[] {
  const { contexts: known = {} } = readUserFile(contextsFile) ?? {}
  return Object.entries(known)
    .map(([name, context]) => ({ ...context, name }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The context in use; undefined where none is. */
export function currentContext(): Context | undefined {
  const { current } = readUserFile(contextsFile) ?? {}
  return contexts().find(({ name }) => name === current)
}

function parseContext({ url, username, password_command }: Record<string, unknown>) {
  if (typeof url !== 'string' || !isTextOrNone(username) || !isTextOrNone(password_command)) return undefined
  return {
    url,
    ...(username === undefined ? {} : { username }),
    ...(password_command === undefined ? {} : { password_command }),
  }
}

function isTextOrNone(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string'
}
