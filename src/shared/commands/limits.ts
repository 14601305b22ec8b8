/** What a message and the parts of a request may hold at most. */
export const limits = {
  /** Bytes of a command's text. */
  command: 128 * 1024,
  /** Bytes of a request's stdin, as UTF-8. */
  stdin: 1024 * 1024,
  /** Bytes of one piece of input for a command whose standard input stays open. */
  input: 256 * 1024,
  /** Bytes of all names and values of a request's environment. */
  env: 128 * 1024,
  /** Bytes of one message, over HTTP or WebSocket. */
  message: 4 * 1024 * 1024,
  /** Seconds: a week, for anything that waits. */
  seconds: 7 * 24 * 3600,
} as const
