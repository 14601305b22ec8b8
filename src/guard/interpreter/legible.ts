/** Many here-documents on one line, and parameters deep in each other, take the parser quadratic time. */
const mostHereDocuments = 400
const deepestParameter = 64

/** Signs that begin or join commands and expansions. Text with more of them has more than a walk may take. */
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

/** As much of the text, from its beginning, as is worth parsing: the walk would not come to what is behind. */
export function legible(text: string): string {
  if (text.length <= mostSigns) return text
  let signs = 0
  for (let at = 0; at < text.length; at++) {
    if (isSign.has(text.charCodeAt(at)) && ++signs > mostSigns) return text.slice(0, at)
  }
  return text
}
