/** Backslash escapes as `printf` and `echo -e` read them. */
export function unescaped(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|0?([0-7]{1,3})|([abefnrtv\\"']))/g,
    (_, hex?: string, unicode?: string, octal?: string, letter?: string) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
      if (unicode !== undefined) return String.fromCharCode(Number.parseInt(unicode, 16))
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff)
      return letters[letter ?? ''] ?? letter ?? ''
    },
  )
}

const letters: Record<string, string> = {
  a: '\x07',
  b: '\b',
  e: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

/** Enough for any command; a format that is repeated for each value could otherwise grow without end. */
const mostFormatted = 200_000

/** What `printf` writes; the format is used again while arguments are left, as printf does. */
export function formatted(format: string, values: readonly string[]): string {
  const conversions = /%(?:%|[-+ #0]*\d*(?:\.\d*)?([sbdiouxXcq]))/g
  const left = [...values]
  const pass = () =>
    unescaped(format).replace(conversions, (whole, kind?: string) => {
      if (kind === undefined) return whole === '%%' ? '%' : whole
      const value = left.shift() ?? ''
      if (kind === 'b') return unescaped(value)
      return kind === 'c' ? value.slice(0, 1) : value
    })
  let text = pass()
  for (let round = 0; left.length > 0 && round < 1000 && text.length < mostFormatted; round++) {
    const before = left.length
    text += pass()
    if (left.length === before) break
  }
  return text
}

/** Bytes as the shell would read them, or undefined when the text is not base64. */
export function fromBase64(text: string): string | undefined {
  const packed = text.replace(/\s+/g, '')
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(packed)) return undefined
  return Buffer.from(packed, 'base64').toString('utf8')
}

export function fromBase32(text: string): string | undefined {
  const packed = text.replace(/[\s=]+/g, '')
  if (!/^[A-Z2-7]*$/.test(packed)) return undefined
  const bytes: number[] = []
  let bits = 0
  let held = 0
  for (const char of packed) {
    held = ((held << 5) | 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(char)) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((held >> bits) & 0xff)
  }
  return Buffer.from(bytes).toString('utf8')
}

export function fromHex(text: string): string | undefined {
  const packed = text.replace(/\s+|\\x|0x/g, '')
  return /^(?:[0-9a-fA-F]{2})*$/.test(packed) ? Buffer.from(packed, 'hex').toString('utf8') : undefined
}

/** `tr` with plain sets and ranges. */
export function transliterate(text: string, from: string, to: string | undefined): string {
  const source = spread(from)
  if (to === undefined) return [...text].filter((char) => !source.includes(char)).join('')
  const target = spread(to)
  const map = new Map(source.map((char, index) => [char, target[index] ?? target.at(-1) ?? '']))
  return [...text].map((char) => map.get(char) ?? char).join('')
}

function spread(set: string): string[] {
  const classes: Record<string, string> = { '[:lower:]': 'a-z', '[:upper:]': 'A-Z', '[:digit:]': '0-9' }
  const plain = unescaped(set).replace(/\[:(?:lower|upper|digit):\]/g, (name) => classes[name] ?? '')
  return [...plain.replace(/(.)-(.)/gs, (whole, low: string, high: string) => range(low, high) ?? whole)]
}

function range(low: string, high: string): string | undefined {
  const [from, to] = [low.charCodeAt(0), high.charCodeAt(0)]
  if (to < from || to - from > 255) return undefined
  return Array.from({ length: to - from + 1 }, (_, index) => String.fromCharCode(from + index)).join('')
}
