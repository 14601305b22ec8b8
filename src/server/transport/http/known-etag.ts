/** Whether a caller has what has this tag, as its `If-None-Match` says. Tags are compared weakly, as RFC 9110 has it. */
export function isKnownTag(known: string | undefined, etag: string): boolean {
  const tags = known?.split(',').map((tag) => strong(tag.trim())) ?? []
  return tags.includes(strong(etag)) || tags.includes('*')
}

function strong(tag: string): string {
  return tag.replace(/^W\//, '')
}
