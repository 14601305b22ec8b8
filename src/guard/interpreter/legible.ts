/** The parser takes quadratic time for many here-documents on one line and for deeply nested parameters. */
const mostHereDocuments = 400
const deepestParameter = 64

/** Signs that begin or join commands and expansions. Text with more of them is more than a walk may read. */
const mostSigns = 8_000
const isSign = new Set([...';|&($`<>'].map((sign) => sign.charCodeAt(0)))

/** Whether the parser may be given this text at all. */
export function isTooMuch(text: string): boolean {
  if (text.split('<<').length > mostHereDocuments) return true
  let depth = 0
  for (let at = text.indexOf('{'); at >= 0 && at < text.length; at++) {
    if (text[at] === '}') depth = Math.max(0, depth - 1)
    else if (text[at] === '{' && text[at - 1] === '$' && ++depth > deepestParameter) return true
  }
  return false
}

/** As much of the text, from its beginning, as is worth parsing: the walk would not get beyond it. */
export function legible(text: string): string {
  if (text.length <= mostSigns) return text
  let signs = 0
  for (let at = 0; at < text.length; at++) {
    if (isSign.has(text.charCodeAt(at)) && ++signs > mostSigns) return text.slice(0, at)
  }
  return text
}
