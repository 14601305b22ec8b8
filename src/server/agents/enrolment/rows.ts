/** What is kept of enrolment: join tokens by id, identities by agent, labels of agents without an identity by agent. */
export type Table = 'tokens' | 'identities' | 'labels'

/** A row that becomes another one; undefined: there is none. */
export type RowChange = { table: Table; key: string; from: string | undefined; to: string | undefined }

/** Rows of text, which all controllers of an installation share. */
export interface EnrolmentRows {
  all(table: Table): Promise<Map<string, string>>
  get(table: Table, key: string): Promise<string | undefined>
  /**
   * Makes all of the changes, or none where a row is not `from` any more; says which. `onWritten` is called in the turn in which
   * they are written. Throws UNAVAILABLE while nothing can be written.
   */
  swap(changes: RowChange[], onWritten?: () => void): Promise<boolean>
  /** Calls with each row that has changed at any controller, and with undefined where some may have, until the returned function is called. */
  onChange(listener: (changed: Pick<RowChange, 'table' | 'key'> | undefined) => void): () => void
  /** False where this nonce was spent before. It is remembered until then, in ms since 1970. */
  spend(nonce: string, expiresAt: number): Promise<boolean>
  close(): void
}
