import { z } from 'zod'
import { type Context, contexts, contextsFile } from '../../client/saved/contexts.js'
import { readUserFile } from '../../client/saved/user-file.js'
import { UsageError } from '../errors/report.js'
import { writeUserFile } from './user-file.js'

export const contextNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'takes 1 to 64 letters, digits, and . _ - inside')

/** Throws UsageError for one that is not known. */
export function contextOf(name: string): Context {
  const known = contexts()
  const found = known.find((one) => one.name === name)
  if (found) return found
  const names = known.map((one) => one.name).join(', ')
  throw new UsageError(
    names === ''
      ? `there is no context ${name}. Add it: ogent context add ${name} --url URL`
      : `there is no context ${name}; there is ${names}`,
  )
}

/** Adds a context, or changes it; the first one comes into use. */
export function keepContext({ name, ...context }: Context): void {
  const saved = readUserFile(contextsFile)
  writeUserFile(contextsFile, {
    current: saved?.current ?? name,
    contexts: { ...saved?.contexts, [name]: context },
  })
}

/** Later calls that name no address mean this context; undefined: none. */
export function useContext(name: string | undefined): void {
  const saved = readUserFile(contextsFile)
  if (!saved) return
  const { current: _before, ...rest } = saved
  writeUserFile(contextsFile, name === undefined ? rest : { ...rest, current: name })
}

export function removeContext(name: string): void {
  const saved = readUserFile(contextsFile)
  if (!saved) return
  const { [name]: _gone, ...others } = saved.contexts
  const { current } = saved
  writeUserFile(contextsFile, {
    contexts: others,
    ...(current === undefined || current === name ? {} : { current }),
  })
}
