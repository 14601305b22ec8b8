import { constants } from 'node:os'

/** An error of the C library; its message is the system's name for it, such as EAGAIN. */
export function systemError(number: number): Error {
  const [name] = Object.entries(constants.errno).find(([, known]) => known === number) ?? [`error ${number}`]
  return new Error(name)
}
