/** What a check found. `warn`: it works, and may not for long; `fail`: something does not work; `skip`: not known. */
export type Finding = {
  check: string
  state: 'ok' | 'warn' | 'fail' | 'skip'
  says: string
  /** What to do about it, for `warn` and `fail`. */
  fix?: string
}

export const ok = (check: string, says: string): Finding => ({ check, state: 'ok', says })
export const skip = (check: string, says: string): Finding => ({ check, state: 'skip', says })
export const warn = (check: string, says: string, fix: string): Finding => ({
  check,
  state: 'warn',
  says,
  fix,
})
export const fail = (check: string, says: string, fix: string): Finding => ({
  check,
  state: 'fail',
  says,
  fix,
})
