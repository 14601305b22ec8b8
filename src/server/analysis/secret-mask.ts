/** A text with its secrets replaced by names, which `restore` turns back in any text made of it. */
export type Masked = { texts: string[]; restore(text: string): string }

/** A value after a name or an option that tells that it is secret; quotes stay outside. */
const VALUE = /(?:'[^'\n]+'|"[^"\n]+"|\\"[^"\\\n]+\\"|[^\s'"`;|&<>()]+)/.source
const NAME =
  /(?:password|passwd|passphrase|pass|pwd|secret|token|(?:api|access|private|account|encryption|signing)[_-]?key|credentials?|auth)/
    .source

/** Programs that read a password from their input. */
const ASKED = /(?:--password-stdin|\bsudo[ \t][^\n;&|]{0,80}-S|--passphrase-fd|--stdin\b|\bcryptsetup\b)/
  .source

/** An option of some programs, and what separates it from the secret. */
function optionOf(programs: string, option: string, between = '[ \\t=]*'): RegExp {
  return new RegExp(`(\\b(?:${programs})\\b[^\\n;|&]{0,400}?[ \\t]${option}${between})(${VALUE})`, 'g')
}

/** What secrets look like: by the name before them, or by themselves. The last group is the secret. */
const shapes: readonly RegExp[] = [
  /()(-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$))/g,
  /()\b(eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)/g,
  /()\b((?:sk|pk|rk)[-_][\w-]{16,})/g,
  /()\b((?:gh[pousr]|github_pat|glpat|npm|hf|dop_v1|shpat|xox[abeprs])[-_][\w-]{10,})/g,
  /()\b((?:whsec|glsa|tskey|pypi|lin_api|sbp|nvapi)[-_][\w-]{10,})/g,
  /()\b(hv[sb]\.[\w-]{10,}|ya29\.[\w-]{10,}|SG\.[\w-]{10,}\.[\w-]{10,}|AGE-SECRET-KEY-1[0-9A-Z]{8,})/g,
  /(hooks\.slack\.com\/services\/|discord(?:app)?\.com\/api\/webhooks\/\d{1,32}\/)([\w/-]+)/gi,
  /()\b((?:AKIA|ASIA|AGPA|AIDA|AROA)[0-9A-Z]{12,})/g,
  /()\b(AIza[\w-]{30,})/g,
  /(\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s/:@'"]{0,128}:)([^\s/@'"]+)(?=@)/gi,
  /(\bhttps?:\/\/)([\w.~-]{10,256})(?=@)/gi,
  /([?&](?:sig|signature|x-amz-signature|x-amz-credential)=)([^&\s'"]+)/gi,
  /(\b(?:set-)?cookie:[ \t]*)([^'"\n]+)/gi,
  /(\b(?:identified[ \t]+by|password)[ \t]+)('[^'\n]+'|"[^"\n]+")/gi,
  /(\b(?:bearer|basic|token|apikey)[ \t]+)([\w.~+/=-]{8,})/gi,
  new RegExp(`(${NAME}\\w{0,32}\\\\?["']?[ \\t]{0,4}[=:][ \\t]{0,4})(${VALUE})`, 'gi'),
  new RegExp(`(--?(?:[\\w-]{0,32}-)?${NAME}(?:-[\\w-]{0,32})?[ \\t]+)(${VALUE})`, 'gi'),
  /((?:^|[\s;|&])(?:curl|wget)\b[^\n;|&]{0,400}?[ \t](?:-u|-U|--user|--proxy-user)[ \t=]*['"]?[^\s:'"]{1,128}:)([^\s'"]+)/gi,
  new RegExp(
    `((?:config|configure)[ \\t]+set[ \\t]+[^\\s;|&]{0,128}${NAME}\\w{0,32}[ \\t]+)(${VALUE})`,
    'gi',
  ),
  new RegExp(`(--from-literal[= \\t][\\w.-]{1,128}=)(${VALUE})`, 'g'),
  new RegExp(`(--oauth2-bearer[= \\t]+)(${VALUE})`, 'g'),
  // Options of programs that take a password in one letter.
  ...[
    optionOf('sshpass', '-p'),
    optionOf('mysql|mysqldump|mysqladmin|mariadb|7za?', '-p', ''),
    optionOf(
      '(?:docker|podman|nerdctl|helm registry|oras)[ \\t]+login|mongo(?:sh|dump|restore|export)?',
      '-p',
    ),
    optionOf('useradd|usermod', '-p'),
    optionOf('redis-cli', '-a'),
    optionOf('ldap\\w{1,12}', '-w'),
    optionOf('zip|unzip|sqlcmd|bcp', '-P'),
    optionOf('smbclient|rpcclient', '-U', '[ \\t]*[^\\s%\'"]{1,64}%'),
    optionOf('htpasswd', '-\\w{0,8}b\\w{0,8}', '[ \\t]+[^\\s;|&]{1,256}[ \\t]+[^\\s;|&]{1,128}[ \\t]+'),
  ],
  // What is written to a program that asks for a password.
  new RegExp(
    `(\\b(?:echo|printf)(?:[ \\t]+-\\w{1,3})*[ \\t]+)(${VALUE})(?=[ \\t]*\\|[^\\n;&|]{0,200}?${ASKED})`,
    'g',
  ),
  /(\b(?:echo|printf)[ \t]+['"]?[\w.-]{1,64}:)([^\s'"|]+)(?=['"]?[ \t]*\|[^\n;&|]{0,80}chpasswd)/g,
]

/** Long, and of both cases and digits: made by a machine, and no word of any language. */
const random = /\b[\w-]{32,}\b/g

/** Replaces what looks like a secret; a name represents the same secret in all of the texts. */
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
