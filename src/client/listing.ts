/**
 * A list that can be awaited, or looped over for all of its items. Nothing is asked of the controller before that, and what
 * was awaited once is not asked for again.
 */
export class Listing<Page, Item> implements Promise<Page>, AsyncIterable<Item> {
  readonly #ask: () => Promise<Page>
  readonly #items: () => AsyncIterator<Item>
  #asked: Promise<Page> | undefined

  /** `ask` gives what is awaited, `items` begins a loop. */
  constructor(ask: () => Promise<Page>, items: () => AsyncIterator<Item>) {
    this.#ask = ask
    this.#items = items
  }

  get [Symbol.toStringTag](): string {
    return 'Listing'
  }

  [Symbol.asyncIterator](): AsyncIterator<Item> {
    return this.#items()
  }

  // biome-ignore lint/suspicious/noThenProperty: it is awaited for its first page, as clients of other services have it.
  then<A = Page, B = never>(
    onFulfilled?: ((page: Page) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#page().then(onFulfilled, onRejected)
  }

  catch<B = never>(onRejected?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<Page | B> {
    return this.#page().catch(onRejected)
  }

  finally(onFinally?: (() => void) | null): Promise<Page> {
    return this.#page().finally(onFinally)
  }

  #page(): Promise<Page> {
    this.#asked ??= this.#ask()
    return this.#asked
  }
}
