/** The digits of a ULID: Crockford's base 32, in rising order. */
export const ULID_DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const BASE = ULID_DIGITS.length
/** Of these digits, the first are its time in ms. */
export const ULID_TIME_LENGTH = 10
const CHANCE_LENGTH = 16

let time = 0
let chance: number[] = []

/**
 * A new ULID (https://github.com/ulid/spec): 48 bits of time in ms, 80 of chance. Within a process they rise even inside one
 * millisecond, and where the clock is set back, and cost a counter's step instead of dice then. By hand, in a few lines:
 * the libraries for it were a twentieth of the SDK in a web page.
 */
export function newId(): string {
  const now = Date.now()
  if (now <= time) countUp()
  else {
    time = now
    chance = Array.from(crypto.getRandomValues(new Uint8Array(CHANCE_LENGTH)), (byte) => byte % BASE)
  }
  return timeDigits(time) + chance.map((digit) => ULID_DIGITS[digit]).join('')
}

/** At the end of the 80 bits, it goes on in the next millisecond. */
function countUp(): void {
  let at = CHANCE_LENGTH - 1
  while (at >= 0 && chance[at] === BASE - 1) {
    chance[at] = 0
    at -= 1
  }
  if (at < 0) time += 1
  else chance[at] = (chance[at] ?? 0) + 1
}

function timeDigits(ms: number): string {
  let text = ''
  for (let rest = ms; text.length < ULID_TIME_LENGTH; rest = Math.floor(rest / BASE))
    text = ULID_DIGITS[rest % BASE] + text
  return text
}
