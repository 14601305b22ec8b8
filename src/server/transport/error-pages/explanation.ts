/** What a person who meets an error wants to know. Code is between backticks, as in Markdown. */
export type Explanation = {
  /** What the answer means, in a sentence or two. */
  happened: string
  /** In which situations it is given, the most frequent one first. */
  when: readonly string[]
  /** Whether to send the same request again, and after what. Yes or no is in `errorTable`. */
  retry: string
  /** What to do, in order. */
  next: readonly string[]
}
