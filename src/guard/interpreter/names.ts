import { globToRegExp } from './expansion/glob.js'
import { HOLE } from './programs/invocation.js'

/** Interpreters whose name often has a version at its end: `python3.12` is `python`. */
const versioned = /^(python|pypy|pip|perl|ruby|node|php|lua|gcc|clang|psql|java)[-]?\d[\d.]*$/

/**
 * A program's name without its folder and version. An unknown part is taken as empty, since
 * that is the trick of `r${unset}m`; '' when nothing of the name is known.
 */
export function programName(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1).replaceAll(HOLE, '')
  return versioned.exec(name)?.[1] ?? name.replace(/\.exe$/i, '')
}

/** The entry of a table for a name; never what every object has, such as `constructor`. */
export function entryOf<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

/** Short names of programs that the rules know, for names written with wildcards: `/bin/r?`. */
const hidden =
  'rm dd sh bash dash zsh mkfs mkfs.ext4 shred chmod chown kill killall pkill reboot halt poweroff shutdown curl wget nc ncat python3 perl find mv cp tee cat base64 wipefs blkdiscard iptables userdel sudo env xargs'.split(
    ' ',
  )

/** The known programs that a name with wildcards may be, when it is in a folder of programs or in none. */
export function programsBehind(pattern: string): readonly string[] {
  const cut = pattern.lastIndexOf('/')
  const folder = pattern.slice(0, cut + 1)
  if (folder !== '' && !/^\/(?:[^/]*\/){1,3}$/.test(folder)) return []
  // A lone `*` is any file of a folder, not one of these.
  if (folder === '' && !/[a-z]/i.test(pattern)) return []
  if (/^\*+$/.test(pattern.slice(cut + 1))) return []
  const matcher = globToRegExp(pattern.slice(cut + 1), { anchored: 'both' })
  return matcher ? hidden.filter((name) => matcher.test(name)) : []
}

/** Where a name without a folder may be found, if the text has written it there. */
export function searched(name: string): readonly string[] {
  if (name.includes('/')) return [fileKey(name)]
  return [name, `/usr/local/bin/${name}`, `/usr/bin/${name}`, `/bin/${name}`]
}

/** One name for a file that a text writes and later runs: `./x` is `x`. */
export function fileKey(path: string): string {
  return path.replace(/^(?:\.\/+)+/, '')
}
