import { printable } from '../shared/printable.js'

const most = 120

/** A text in a sentence for people: one line, shortened. */
export function brief(text: string): string {
  return printable(text.length > most ? `${text.slice(0, most - 1)}…` : text)
}

/** A text of the request, in quotation marks. */
export function quoted(text: string): string {
  return `“${brief(text)}”`
}
