/** A text of a request, read at most once. */
export class CommandReading {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  staysInFolder(): boolean {
    return false
  }
}
