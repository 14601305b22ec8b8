/**
 * What is open under a key, such as the commands of an agent, has one owner among the controllers that share a store: the
 * controller that serves it. A key is opaque here; its `OwnedWork` defines what an owner does.
 */
export interface Ownership {
  /** Begins to own: what earlier owners, or an earlier process of this controller, have left open. Called once, first. */
  start(work: OwnedWork): Promise<void>
  /**
   * Sends a message to the owner of a key. Calls `here` where this controller is the owner, which it becomes where none
   * lives. Throws UNAVAILABLE.
   */
  send(key: string, message: string, here: () => void): Promise<void>
  /** This controller has become the owner of a key by other means. True where an earlier owner may have left something open. */
  acquired(key: string): boolean
  /** Whether this controller is the owner, and what the key represents is not in use anywhere. */
  ownsIdle(key: string): Promise<boolean>
  /** Another controller has become the owner of a key. */
  drop(key: string): void
  /** Gives up every key; other controllers become owners. */
  close(): Promise<void>
}

/** What an owner does. Each function may reject: it is logged, and done again at the next sweep where it is still due. */
export type OwnedWork = {
  /** Recovers what an earlier process of the only controller has left open. */
  recover(): Promise<void>
  /** What is open in the store, by key: ids, of which some may have ended. */
  open(): Promise<Map<string, string[]>>
  /** This controller owns the key from now on; see `Adopted`. `isMine` says whether it still does. */
  adopt(key: string, adopted: Adopted, isMine: () => boolean): Promise<void>
  /** Another controller owns the key from now on. Gives the messages that it may not have seen. */
  drop(key: string): string[]
  /** A message for the owner of the key. */
  receive(key: string, message: string, isMine: () => boolean): Promise<void>
  /** Compares what is open in the store with what is known here; false where the key needs no owner any more. */
  check(key: string, open: string[], isMine: () => boolean): Promise<boolean>
  /** Called after each sweep. */
  swept(): Promise<void>
}

export type Adopted = {
  /** How long the key has had no use, in ms: 0 where it was in use until its owner died. */
  idleMs: number
  /** Whether its owner died with it in use. */
  wasInUse: boolean
}

/**
 * Messages among controllers that are not kept: one for which no controller listens is gone, and any may be lost, come late
 * or come twice. A sender that needs an answer sends again until it has one.
 */
export interface Relay {
  /** Gives a message to all that listen at the address: to those here at once, to those elsewhere in the background. */
  send(address: string, message: Uint8Array): void
  /** Calls with each message for the address. */
  listen(address: string, onMessage: (message: Uint8Array) => void): Listening
}

export type Listening = {
  /** Resolves once messages of other controllers are heard. While the store is away that takes until it is back. */
  opened: Promise<void>
  close(): void
}

/** How many controllers attend to a thing, such as those with subscribers of a command. */
export interface Attendance {
  /** This controller attends to the thing until `leave`, or until it dies. */
  attend(thing: string): Promise<void>
  leave(thing: string): Promise<void>
  /** How many controllers that live attend to the thing by this store: 0 where a controller is alone with it. */
  count(thing: string): Promise<number>
}
