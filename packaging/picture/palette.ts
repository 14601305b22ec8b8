/** The sixteen colours that have names, by their numbers: eight, and their bright ones. */
const NAMED = [
  ...['#20262f', '#e67e80', '#8fc58f', '#dfbf7f', '#7fb0e0', '#c39ad9', '#74c2c2', '#d3d7de'],
  ...['#7b8594', '#f09a9c', '#a9d8a9', '#ecd29b', '#9cc4ee', '#d6b5e8', '#92d6d6', '#f2f4f8'],
]
/** The levels of each part of a colour in the cube of 6 x 6 x 6, which is 16 to 231; the rest are greys. */
const LEVELS = [0, 95, 135, 175, 215, 255]

/** The rules of the classes that `fillOf` names. */
export function paletteCss(): string {
  return NAMED.map((colour, at) => `.c${at}{fill:${colour}}`).join('')
}

/** What gives a shape a colour, as attributes and classes: a number of the palette of 256, or `#rrggbb`. */
export function fillOf(colour: number | string | undefined): { className: string; style: string } {
  if (colour === undefined) return { className: '', style: '' }
  if (typeof colour === 'number' && colour < NAMED.length) return { className: `c${colour}`, style: '' }
  return { className: '', style: `fill:${typeof colour === 'number' ? ofCube(colour) : colour}` }
}

function ofCube(colour: number): string {
  if (colour >= 232) return hex([0, 1, 2].map(() => (colour - 232) * 10 + 8))
  const at = colour - 16
  return hex([Math.floor(at / 36), Math.floor(at / 6) % 6, at % 6].map((level) => LEVELS[level] ?? 0))
}

function hex(parts: number[]): string {
  return `#${parts.map((part) => part.toString(16).padStart(2, '0')).join('')}`
}
