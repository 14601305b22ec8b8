/**
 * A shell pattern as a regular expression, or undefined for one that would take long: two stars at most, so that
 * matching stays quadratic at worst, on short values.
 */
export function globToRegExp(
  pattern: string,
  flags: { anchored: 'both' | 'start' | 'end' },
): RegExp | undefined {
  if (pattern.length > 64 || pattern.split('*').length > 3) return undefined
  let source = ''
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern.charAt(at)
    const close = char === '[' ? pattern.indexOf(']', at + 2) : -1
    if (char === '*') source += '.*'
    else if (char === '?') source += '.'
    else if (close > 0) {
      const inside = pattern
        .slice(at + 1, close)
        .replaceAll('\\', '')
        .replace(/[[\]]/g, '')
      source += `[${inside.replace(/^[!^]/, '^')}]`
      at = close
    } else source += char.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
  }
  const start = flags.anchored === 'end' ? '' : '^'
  const end = flags.anchored === 'start' ? '' : '$'
  try {
    return new RegExp(`${start}${source}${end}`, 's')
  } catch {
    // A bracket with a reversed range: the shell takes it as text, here nothing matches it.
    return undefined
  }
}
