/** A message in pieces, none of them copied. */
export class Pieces {
  readonly bytes: number

  constructor(
    readonly list: Uint8Array[],
    readonly binary: boolean,
  ) {
    this.bytes = list.reduce((sum, piece) => sum + piece.length, 0)
  }
}
