import { programName } from '../../guard/interpreter/names.js'

/**
 * What makes a program run other programs, or load code, by a word that the guard does not read as a command. Such a word
 * is only allowed where the author of a rule wrote it, never where a pattern fits it. Sources: each program's manual page.
 */

/** Names of options that say so, for any program. */
const telling =
  /^--?(?:[\w-]*-)?(?:exec\w*|command|cmd|shell|rsh|[\w]*hook|filter|pager|editor|script|program|preload|plugins?|modules?|conf|config[\w-]*|rc-?file|init[\w-]*|library|engine|provider|eval|require|import|define|setopt|browser|askpass)(?:[-=:].*)?$/i

/** Characters of the name of an option that are looked at. */
const longestName = 64

/** Words of a program, options or not. */
const byProgram: Readonly<Record<string, RegExp>> = {
  apt: /^-[a-zA-Z]*[oc]/,
  'apt-get': /^-[a-zA-Z]*[oc]/,
  borg: /^--rs/,
  curl: /^-[a-zA-Z]*K/,
  docker: /^-[a-zA-Z]*[Hc]|^--(?:host|context)/,
  dpkg: /^--(?:pre|post|admindir|instdir|root)/,
  gdb: /^-/,
  git: /^(?:-c|-C|-x|-O|-u)|^--(?:up|rec|ex|open|tem|git-|work|textc|conf|super)/,
  kubectl: /^--(?:kubeconfig|context|cluster)/,
  make: /^-[a-zA-Z]*[fCIE]|^--(?:file|makefile|directory|include|eval)|^[^=]*=/,
  man: /^-[a-zA-Z]*[PHCM]/,
  mount: /^-/,
  mysql: /^-[a-zA-Z]*e/,
  nc: /^-[a-zA-Z]*[ec]/,
  ncat: /^-[a-zA-Z]*[ec]|^--(?:sh|lua)/,
  nmap: /^--(?:data|sc)/,
  npm: /^(?:-C|--prefix)/,
  openssl: /^-(?:engine|provider|conf)/,
  openvpn: /^--(?:up|down|route|tls|client|ipchange|auth)/,
  perf: /^-/,
  psql: /^-[a-zA-Z]*[cf]/,
  restic: /^-o/,
  rpm: /^-[a-zA-Z]*[ED]|^--(?:pipe|root|rcfile|macros|load)/,
  rsync: /^-[a-zA-Z]*e|^--(?:rs|daemon)/,
  scp: /^-[a-zA-Z]*[oFSJDi]/,
  sftp: /^-[a-zA-Z]*[oFSJDbi]/,
  socat: /^(?:exec|system|shell)/i,
  sort: /^--co/,
  split: /^--fi/,
  ssh: /^-[a-zA-Z]*[oFEJWSDLRIi]/,
  systemctl: /^-[a-zA-Z]*[HM]|^--(?:host|machine|root|image)/,
  journalctl: /^-[a-zA-Z]*M|^--(?:machine|root|image)/,
  tar: /^-[a-zA-Z]*[IF]|^--(?:ch|to-|us|rs|in|ne)/,
  tcpdump: /^-[a-zA-Z]*[zZ]/,
  wget: /^-[a-zA-Z]*e|^--(?:us|ex)/,
  yum: /^-[a-zA-Z]*c/,
  dnf: /^-[a-zA-Z]*c/,
  zip: /^-[a-zA-Z]*T|^--un/,
}

/** The first word after the name of a program: verbs that run others or set what runs later, and clusters without a dash. */
const firstWords: Readonly<Record<string, RegExp>> = {
  git: /^(?:config|filter-branch|difftool|mergetool|instaweb|daemon|shell|send-email|imap-send|credential.*|maintenance|web--browse|cvsserver|remote-.*|hook|for-each-repo)$/,
  tar: /^[a-zA-Z]*[IF]/,
}

/** The first word that makes a program run other code, among those that the author of a rule did not write. */
export function wordThatRuns(
  words: readonly string[],
  isWritten: (at: number) => boolean,
): string | undefined {
  const program = programName(words[0] ?? '')
  const own = Object.hasOwn(byProgram, program) ? byProgram[program] : undefined
  const first = Object.hasOwn(firstWords, program) ? firstWords[program] : undefined
  return words.find(
    (word, at) =>
      at > 0 &&
      (telling.test(word.slice(0, longestName)) ||
        own?.test(word) === true ||
        (at === 1 && first?.test(word) === true)) &&
      !isWritten(at),
  )
}
