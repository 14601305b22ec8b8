import { globToRegExp } from '../interpreter/expansion/glob.js'
import { joinPath, normalPath } from '../interpreter/expansion/paths.js'
import { type Field, HOLE, HOME, type Invocation } from '../interpreter/programs/invocation.js'
import { isPlanted } from '../interpreter/programs/planted.js'

/** What kind of place a path is. A path may be of several kinds: `/var/log` is a system folder and a log. */
export type Place =
  | 'root'
  | 'system'
  | 'home'
  /** Below a system folder. */
  | 'in-system'
  /** A file without which the machine or its logins do not work. */
  | 'critical'
  | 'boot'
  | 'log'
  | 'history'
  | 'device'
  | 'secret'
  /** Not a risk to show by itself, but one to send to another machine. */
  | 'private'
  | 'ssh-folder'
  | 'sudoers'
  | 'keys'
  /** The root, if the variable after it is empty. */
  | 'maybe-root'
  | 'temporary'
  /** A setting of the running kernel. */
  | 'kernel'
  /** A start file of a shell, a unit of a service or a scheduled job: what is in it runs later. */
  | 'planted'

/** The first of these fields that is at one of these places. */
export function firstAt(
  run: Invocation,
  fields: readonly Field[],
  ...places: readonly Place[]
): Field | undefined {
  return fields.find((field) => isAt(run, field, ...places))
}

export function isAt(run: Invocation, field: Field, ...places: readonly Place[]): boolean {
  return pathsOf(run, field).some((path) => places.some((place) => tests[place](path.path, path.below)))
}

const topFolders =
  'bin boot dev etc home lib lib32 lib64 libx32 opt proc root run sbin srv sys usr var mnt media Library System Applications Users Volumes private'.split(
    ' ',
  )

const secondFolders = new Set(
  [
    '/usr/bin /usr/sbin /usr/lib /usr/lib64 /usr/share /usr/local /usr/libexec /usr/local/bin /usr/local/lib',
    '/var/lib /var/log /var/db /var/spool /var/mail /var/run /var/backups /lib/modules /lib/systemd',
    '/etc/ssh /etc/systemd /etc/pam.d /etc/init.d /etc/network /etc/netplan /etc/security /etc/sudoers.d /etc/ssl /etc/kubernetes /etc/apt',
    '/var/lib/mysql /var/lib/postgresql /var/lib/pgsql /var/lib/mongodb /var/lib/redis /var/lib/docker /var/lib/containerd /var/lib/kubelet /var/lib/etcd /var/lib/dpkg /var/lib/rpm',
    '/boot/efi /boot/grub /boot/grub2 /mnt/c /usr/lib/x86_64-linux-gnu /lib/x86_64-linux-gnu /usr/lib/systemd',
  ]
    .join(' ')
    .split(' '),
)

const criticalFiles =
  /^\/etc\/(?:passwd|shadow|group|gshadow|sudoers|fstab|crypttab|ld\.so\.(?:preload|conf)|nsswitch\.conf|pam\.conf|inittab|machine-id|ssh\/sshd_config|ssh\/ssh_host_[\w*?]+|pam\.d\/[\w-]+|default\/grub|sudoers\.d\/[^/]+)$|^\/(?:usr\/)?s?bin\/(?:init|sh|bash|sudo|login|ls|mount|systemctl|sshd|passwd|su)$|^\/(?:usr\/)?lib(?:64)?\/(?:[\w-]+\/)?(?:ld-linux[^/]*|libc\.so[^/]*|systemd\/systemd)$/

const neededFolders = /^\/(?:etc(?:\/(?:pam\.d|ssh))?|boot|(?:usr\/)?(?:s?bin|lib(?:64)?))$/

const secretFiles =
  /(?:^|\/)\.ssh\/(?:id_\w+|identity)$|(?:^|\/)(?:\.aws\/credentials|\.kube\/config|\.docker\/config\.json|\.netrc|\.pgpass|\.my\.cnf|\.git-credentials|\.npmrc|\.vault-token|\.config\/gcloud\/[^/]*(?:json|db)|\.gnupg(?:\/.*)?|\.ssh|\.aws|\.password-store(?:\/.*)?)$|^\/etc\/(?:shadow|gshadow|sudoers|krb5\.keytab|ssh\/ssh_host_\w+_key|kubernetes\/admin\.conf|ssl\/private(?:\/.*)?)$|(?:^|\/)(?:id_rsa|id_ed25519|id_ecdsa|id_dsa)$|\/serviceaccount\/token$|(?:^|\/)(?:private|server|tls)\.(?:key|pem)$|^\/proc\/(?:self|\d+)\/environ$/

const history = /(?:^|\/)\.(?:bash|zsh|ash|sh|ksh|fish|python|mysql|psql)_history$/
const devices =
  /^\/dev\/(?:(?:sd|hd|vd|xvd)[a-z*?]|nvme\d|mmcblk\d|md\d|md\/|dm-\d|mapper\/(?!control)|disk\/|loop\d|r?disk\d|zd\d|nbd\d|mtd|mem$|kmem$|port$)/

const tests: Record<Place, (path: string, below: boolean) => boolean> = {
  root: (path) => path === '/',
  system: (path) => isSystem(path),
  home: (path) => path === HOME || path === '/home' || path === '/Users',
  'in-system': (path) =>
    topFolders.some((name) => path.startsWith(`/${name}/`)) &&
    !/^\/(?:home|Users|root|opt|srv|mnt|media|Volumes)\//.test(path) &&
    !tests.temporary(path, false) &&
    !/^\/dev\/(?:null|zero|full|random|urandom|tty\w*|stdin|stdout|stderr|shm|fd|pts|tcp|udp)(?:\/|$)/.test(
      path,
    ) &&
    !/^\/(?:proc|sys)\/|^\/var\/(?:www|cache)\/|^\/usr\/(?:local\/)?src\/|^\/run\/user\//.test(path),
  // A pattern for all files of a critical folder is critical too.
  critical: (path, below) => criticalFiles.test(path) || (below && neededFolders.test(path)),
  boot: (path) => /^\/boot(?:\/|$)|^\/(?:vmlinuz|initrd\.img)$/.test(path),
  log: (path, below) =>
    (below && /^\/var\/(?:log|audit)(?:\/journal)?$/.test(path)) ||
    /^\/var\/(?:log\/(?:\*+|audit(?:\/.*)?|journal(?:\/.*)?|(?:sys|auth|kern|daemon|wtmp|btmp|lastlog|utmp|faillog|messages|secure|maillog|dpkg)(?:\.?log)?)|log)$/.test(
      path,
    ),
  history: (path) => history.test(path),
  device: (path) => devices.test(path),
  secret: (path) => secretFiles.test(path) && !path.endsWith('.pub'),
  private: (path) =>
    tests.secret(path, false) ||
    /(?:^|\/)\.env(?:\.(?!example|sample|dist|template)[\w-]+)?$|(?:^|\/)\.config\/(?:gh|op|doctl|heroku|hub|rclone)(?:\/[^/]*)?$|\.(?:kdbx|pfx|p12|ovpn)$/.test(
      path,
    ),
  'ssh-folder': (path) => /(?:^|\/)\.ssh(?:\/authorized_keys2?)?$/.test(path) || path === '/etc/ssh',
  sudoers: (path) => /^\/etc\/sudoers(?:\.d(?:\/.*)?)?$/.test(path),
  keys: (path) => /(?:^|\/)\.ssh\/authorized_keys2?$/.test(path),
  'maybe-root': (path, below) =>
    path.startsWith(`/${HOLE}`) || (path.startsWith(HOLE) && (path !== HOLE || below)),
  kernel: (path) => /^\/(?:proc\/sys|sys)\/./.test(path),
  planted: (path) => isPlanted(path),
  temporary: (path) => /^(?:\/private)?\/(?:tmp|var\/tmp|dev\/shm|var\/cache|run\/user)(?:\/|$)/.test(path),
}

function isSystem(path: string): boolean {
  if (secondFolders.has(path)) return true
  const top = /^\/([^/]+)$/.exec(path)?.[1]
  if (top === undefined) return false
  if (!/[*?[]/.test(top)) return topFolders.includes(top)
  const matcher = globToRegExp(top, { anchored: 'both' })
  return matcher !== undefined && topFolders.some((name) => matcher.test(name))
}

/** Patterns that match everything in a folder. */
const everything = /\/(?:\*+|!\([^()]*\)|\.\*|\.\[!\.\]\*|\.\?\*|\?\*|\*\.\*|\.\.\?\*|\{\*,\.\*\})$/

/** The places a word may name, seen from each folder the shell may be in; `below`: everything in it. */
function pathsOf(run: Invocation, field: Field): readonly SeenPath[] {
  const known = seen.get(field)
  if (known && known.folders === run.folders) return known.paths
  const paths = run.folders.map((folder) => seenFrom(folder, field))
  seen.set(field, { folders: run.folders, paths })
  return paths
}

interface SeenPath {
  readonly path: string
  readonly below: boolean
}

/** Many rules ask about the same word: its result is kept as long as the word is. */
const seen = new WeakMap<Field, { folders: Invocation['folders']; paths: readonly SeenPath[] }>()

function seenFrom(folder: string | undefined, field: Field): SeenPath {
  let path = joinPath(folder, field.value) ?? normalPath(field.value)
  let below = false
  // So many levels up that it is most likely the root.
  if (/^(?:\.\.\/){4,}\.\.$/.test(path)) path = '/'
  // A lone pattern in a known folder is everything in that folder; so is `.`, once joined to it.
  for (let round = 0; field.glob && round < 4 && everything.test(path); round++) {
    path = path.replace(everything, '') || '/'
    below = true
  }
  // Quoted wildcards are ordinary characters.
  if (!field.glob) path = path.replace(/[*?[]/g, '_')
  // The folder of any user is a home folder.
  const home = /^\/(?:home\/[^/]+|root|Users\/[^/]+)(?=\/|$)/.exec(path)?.[0]
  return { path: home ? HOME + path.slice(home.length) : path, below }
}
