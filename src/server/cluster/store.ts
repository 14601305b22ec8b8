/** What controllers share to agree on owners. A controller that does not renew its lease is dead to the others. */
export interface ClusterStore {
  /** Makes this controller's lease last for `ms` from now; false where it had lapsed. */
  renew(ms: number): Promise<boolean>
  /** Ends the lease: other controllers may become the owners of all of this one's keys at once. */
  quit(): Promise<void>

  /** Becomes the owner where none lives. */
  acquire(key: string): Promise<Acquired>
  /** As `acquire`; where another controller is the owner, the message is put into the key's mailbox. */
  post(key: string, message: string): Promise<Acquired>
  /** Whether this controller owns the key, and it is not in use. */
  ownsIdle(key: string): Promise<boolean>
  /** Gives the key up, unless it is in use. */
  release(key: string): Promise<void>
  /** Keys whose owner is dead, and those of these that have none. */
  orphans(keys: string[]): Promise<string[]>

  /** What lies in the mailbox of a key that this controller owns; undefined where it does not. */
  mail(key: string): Promise<Mail[] | undefined>
  /** Removes these from the mailbox. */
  clear(key: string, ids: string[]): Promise<void>
  /** Calls each time the store can be reached again. */
  onReady(listener: () => void): void
  /** Calls when there may be mail, with the newest where that is known, until the returned function is called. */
  onMail(key: string, listener: (mail: Mail | undefined) => void): () => void
}

/** One entry of a mailbox. */
export type Mail = { id: string; message: string }

export type Acquired = {
  /** `there`: another controller is the owner. `new`: this one is from now on. */
  by: 'here' | 'there' | 'new'
  /** How long the key has not been in use, in ms; 0 where another controller is the owner. */
  idleMs: number
  /** Whether the owner before died with the key in use; only where this controller is `new`. */
  wasInUse: boolean
}
