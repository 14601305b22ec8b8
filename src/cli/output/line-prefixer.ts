/** What a line may hold before it is cut, in bytes: one without an end must not fill the memory. */
const LONGEST_LINE = 64 * 1024
const NEWLINE = 0x0a

/** Cuts a stream of bytes into whole lines, each behind the same prefix. */
export class LinePrefixer {
  readonly #prefix: Buffer
  #rest: Buffer = Buffer.alloc(0)

  constructor(prefix: string) {
    this.#prefix = Buffer.from(prefix)
  }

  /** The lines that are whole by now. */
  push(data: Uint8Array): Buffer {
    const parts: Buffer[] = []
    let text: Buffer = this.#rest.length === 0 ? Buffer.from(data) : Buffer.concat([this.#rest, data])
    for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE)) {
      parts.push(this.#prefix, text.subarray(0, end + 1))
      text = text.subarray(end + 1)
    }
    while (text.length > LONGEST_LINE) {
      parts.push(this.#prefix, text.subarray(0, LONGEST_LINE), Buffer.of(NEWLINE))
      text = text.subarray(LONGEST_LINE)
    }
    this.#rest = text
    return Buffer.concat(parts)
  }

  /** The last line, ended where it was not. */
  end(): Buffer {
    const rest = this.#rest
    this.#rest = Buffer.alloc(0)
    return rest.length === 0 ? rest : Buffer.concat([this.#prefix, rest, Buffer.of(NEWLINE)])
  }
}
