/** `npm run soak` sets this: the same scenarios, over many more moments, and cuts that last. */
export const long = process.env.OGENT_FAULTS === 'long'

/** How many rounds a scenario goes: the short form is part of every test run. */
export function rounds(short: number, many: number): number {
  return long ? many : short
}
