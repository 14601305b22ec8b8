/**
 * superjson's format without the library, for the SDK in a web page. What is sent is plain, or `undefined`; of what comes,
 * `undefined`, dates, bigints and the numbers that JSON lacks are restored, and anything else is left as JSON has it.
 */
export const plainTransformer = {
  serialize(value: unknown): unknown {
    if (value === undefined) return { json: null, meta: { values: ['undefined'], v: 1 } }
    return { json: isPlain(value) ? value : asJson(value) }
  },
  deserialize(value: unknown): unknown {
    if (!isRecord(value)) return undefined
    const { json, meta } = value
    return isRecord(meta) ? restored(json, meta.values) : json
  },
}

/** With what JSON cannot say, by superjson's tree of types: `[type]` for a value, an object for those inside of it, by path. */
function restored(json: unknown, types: unknown): unknown {
  if (isRecord(types)) for (const [path, type] of Object.entries(types)) restoreAt(json, path, type)
  if (!Array.isArray(types)) return json
  switch (types[0]) {
    case 'undefined':
      return undefined
    case 'number':
      return Number(json)
    case 'bigint':
      return BigInt(String(json))
    case 'Date':
      return new Date(String(json))
    default:
      return json
  }
}

/** A path is keys with dots between them; a dot of a key has a backslash. None leads into a prototype. */
function restoreAt(root: unknown, path: string, type: unknown): void {
  const keys = (path.match(/(?:\\.|[^.\\])+/g) ?? []).map((key) => key.replaceAll(/\\(.)/g, '$1'))
  const last = keys.pop() ?? ''
  let holder = root
  for (const key of keys) holder = isHolder(holder) && Object.hasOwn(holder, key) ? holder[key] : undefined
  if (isHolder(holder) && Object.hasOwn(holder, last)) holder[last] = restored(holder[last], type)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return isHolder(value) && !Array.isArray(value)
}

/** An object or an array, whose places have names too. */
function isHolder(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** What no procedure takes, in a form in which it can be refused: a bigint would not be sent at all. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? String(part) : part)))
}

/** Whether JSON (with bytes) carries the value whole. `undefined` fields are left out, as JSON does. */
export function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'object':
      break
    default:
      return false
  }
  if (value === null || value instanceof Uint8Array) return true
  if (Array.isArray(value)) return value.every(isPlain)
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  for (const key in value) {
    const item = (value as Record<string, unknown>)[key]
    if (item !== undefined && !isPlain(item)) return false
  }
  return true
}
