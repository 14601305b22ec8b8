/** A text with its secrets replaced by names, which `restore` turns back in whatever was made of it. */
export type Masked = { texts: string[]; restore(text: string): string }

/** A value after a name or an option that tells that it is secret; quotes stay outside. */
const VALUE = /(?:'[^'\n]+'|"[^"\n]+"|\\"[^"\\\n]+\\"|[^\s'"`;|&<>()]+)/.source
const NAME =
  /(?:password|passwd|passphrase|pass|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|auth)/
    .source

/** What secrets look like: by the name before them, or by themselves. The last group is the secret. */
const shapes: readonly RegExp[] = [
  /()(-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$))/g,
  /()\b(eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)/g,
  /()\b((?:sk|pk|rk)[-_][\w-]{16,})/g,
  /()\b((?:gh[pousr]|github_pat|glpat|npm|hf|dop_v1|shpat|xox[abeprs])[-_][\w-]{10,})/g,
  /()\b((?:AKIA|ASIA|AGPA|AIDA|AROA)[0-9A-Z]{12,})/g,
  /()\b(AIza[\w-]{30,})/g,
  /(\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s/:@'"]{0,128}:)([^\s/@'"]+)(?=@)/gi,
  /(\b(?:bearer|basic|token|apikey)[ \t]+)([\w.~+/=-]{8,})/gi,
  new RegExp(`(${NAME}\\w{0,32}\\\\?["']?[ \\t]{0,4}[=:][ \\t]{0,4})(${VALUE})`, 'gi'),
  new RegExp(`(--?(?:[\\w-]{0,32}-)?${NAME}(?:-[\\w-]{0,32})?[ \\t]+)(${VALUE})`, 'gi'),
  /((?:^|[\s;|&])(?:curl|wget)\b[^\n;|&]{0,400}?[ \t](?:-u|--user)[ \t=]*['"]?[^\s:'"]{1,128}:)([^\s'"]+)/gi,
  new RegExp(`(\\bsshpass[ \\t]+-p[ \\t]*)(${VALUE})`, 'g'),
  new RegExp(`(\\b(?:mysql|mysqldump|mysqladmin|mariadb)\\b[^\\n;|&]{0,400}?[ \\t]-p)(${VALUE})`, 'g'),
]

/** Long, and of both cases and digits: made by a machine, and no word of any language. */
const random = /\b[\w-]{32,}\b/g

/** Replaces what looks like a secret; a name stands for the same secret in all of the texts. */
export function mask(texts: readonly string[]): Masked {
  const prefix = freshPrefix(texts)
  const names = new Map<string, string>()
  const nameOf = (secret: string) => {
    const known = names.get(secret)
    if (known) return known
    const name = `${prefix}${names.size + 1}`
    names.set(secret, name)
    return name
  }
  const hide = (whole: string, before: string, value: string) => {
    const [, quote = '', secret = value] = value.match(/^(\\?['"])(.*)\1$/s) ?? []
    // A variable or a command's output is no secret, and a name is hidden already.
    if (secret === '' || secret.startsWith('$') || secret.startsWith(prefix)) return whole
    return `${before}${quote}${nameOf(secret)}${quote}`
  }
  const masked = texts.map((text) => {
    const shaped = shapes.reduce((part, shape) => part.replace(shape, hide), text)
    return shaped.replace(random, (word) => (looksRandom(word) ? nameOf(word) : word))
  })
  const secrets = new Map([...names].map(([secret, name]) => [name, secret]))
  const anyName = new RegExp(`${prefix}\\d+`, 'g')
  return {
    texts: masked,
    restore: (text) => text.replace(anyName, (name) => secrets.get(name) ?? name),
  }
}

function looksRandom(word: string): boolean {
  return /[a-z]/.test(word) && /[A-Z]/.test(word) && /\d/.test(word)
}

/** A beginning that no text has, so that restoring turns back nothing but names. */
function freshPrefix(texts: readonly string[]): string {
  let prefix = 'MASKED_SECRET_'
  while (texts.some((text) => text.includes(prefix))) prefix = `X${prefix}`
  return prefix
}
