import type { Invocation } from '../interpreter/programs/invocation.js'
import { has, operands } from '../interpreter/programs/options.js'
import type { Rule } from './rule.js'
import { begins, subcommand } from './run-predicates.js'

const managers = [
  'apt',
  'apt-get',
  'aptitude',
  'dpkg',
  'yum',
  'dnf',
  'microdnf',
  'rpm',
  'zypper',
  'pacman',
  'apk',
  'brew',
  'snap',
  'flatpak',
  'pip',
  'pipx',
  'npm',
  'pnpm',
  'yarn',
  'gem',
  'cargo',
  'conda',
  'emerge',
  'port',
  'pkg',
  'choco',
  'opkg',
  'xbps-remove',
  'nix-env',
  'uv',
]

/** Without these a machine does not start, or locks everyone out. */
const vital =
  /^(?:libc6|libc-bin|glibc|musl|systemd|systemd-sysv|init|bash|dash|coreutils|util-linux|sudo|openssh-server|openssh|apt|dpkg|rpm|yum|dnf|pacman|apk-tools|login|passwd|mount|linux|linux-image\S*|linux-generic|kernel|kernel-core|grub\S*|network-manager|NetworkManager|netplan\.io|ifupdown|libpam\S*|python3|base-files|alpine-base(?:layout)?(?:-data)?|busybox|setup|fedora-release\S*|filesystem|e2fsprogs|lvm2|cryptsetup)(?::\w+)?$/

const unchecked =
  /^--(?:allow-unauthenticated|force-yes|nogpgcheck|no-gpg-checks|allow-untrusted|trusted-host|force-all|nodeps|nosignature)(?:=|$)/

export const packages: readonly Rule[] = [
  {
    id: 'packages/remove-vital',
    title: 'Removes a package that the machine needs',
    severity: 'high',
    programs: managers,
    finds: (run) => removes(run) && isOfSystem(run) && operands(run).find((field) => vital.test(field.value)),
    risk: (what) => `removes ${what}, without which the machine does not start or locks everyone out`,
    safer: (run) =>
      /^apt/.test(run.program) ? run.part.replace(/^((?:sudo )?apt(?:-get)?) /, '$1 --simulate ') : undefined,
    caught: [
      'apt-get remove libc6',
      'apt purge -y openssh-server',
      'yum erase systemd',
      'pacman -Rdd glibc',
      'dpkg --purge --force-all sudo',
      'rpm -e --nodeps bash',
      'apt-get remove python3',
    ],
    passed: ['apt remove cowsay', 'apt install openssh-server', 'pip uninstall python3-x', 'dpkg -l bash'],
  },
  {
    id: 'packages/remove',
    title: 'Removes packages',
    severity: 'medium',
    programs: managers,
    finds: (run) => removes(run),
    risk: 'removes packages and everything that depends on them',
    safer: (run) =>
      /^apt/.test(run.program) ? run.part.replace(/^((?:sudo )?apt(?:-get)?) /, '$1 --simulate ') : undefined,
    caught: [
      'apt remove nginx',
      'yum -y erase httpd',
      'pacman -Rns x',
      'brew uninstall x',
      'pip uninstall -y x',
      'apt-get autoremove --purge',
      'snap remove x',
      'npm uninstall -g x',
      'dpkg -P x',
      'apk del x',
    ],
    passed: ['apt install nginx', 'apt list', 'pacman -Q', 'apt-get --simulate remove x', 'npm ci'],
  },
  {
    id: 'packages/upgrade',
    title: 'Upgrades the whole system',
    severity: 'medium',
    programs: [
      'apt',
      'apt-get',
      'aptitude',
      'yum',
      'dnf',
      'zypper',
      'pacman',
      'apk',
      'do-release-upgrade',
      'brew',
      'softwareupdate',
      'emerge',
      'freebsd-update',
      'unattended-upgrade',
    ],
    finds: (run) => {
      const words = subcommand(run)
      if (has(run, 's', 'simulate', 'dry-run', 'l', 'list'))
        return run.program === 'pacman' && has(run, 'S') && has(run, 'u')
      if (run.program === 'pacman') return has(run, 'S') && has(run, 'u')
      if (run.program === 'do-release-upgrade' || run.program === 'unattended-upgrade') return true
      if (/^(?:yum|dnf)$/.test(run.program))
        return begins(words, ['update', 'upgrade', 'distro-sync', 'system-upgrade']) && words.length === 1
      return (
        begins(words, ['upgrade', 'dist-upgrade', 'full-upgrade', 'dup', 'safe-upgrade']) &&
        words.length === 1
      )
    },
    risk: 'changes the versions of many packages at once, and services may restart',
    safer: (run) => (/^apt/.test(run.program) ? `${run.program} list --upgradable` : undefined),
    caught: ['apt-get dist-upgrade -y', 'apt upgrade', 'yum -y update', 'pacman -Syu', 'do-release-upgrade'],
    passed: ['apt update', 'apt-get install x', 'brew upgrade jq', 'pacman -Ss x'],
  },
  {
    id: 'packages/untrusted',
    title: 'Installs without verifying the source',
    severity: 'medium',
    programs: [...managers, 'apt-key', 'add-apt-repository', 'curl', 'go', 'easy_install', 'npx'],
    finds: (run) => {
      const words = run.args.map((field) => field.value)
      if (run.program === 'apt-key') return words[0] === 'add' || words[0] === 'adv'
      if (run.program === 'add-apt-repository') return true
      if (run.program !== 'curl' && words.some((word) => unchecked.test(word))) return true
      const installs = words.some((word) => /^(?:install|add|i|-i|-U|-Uvh|-ivh)$/.test(word))
      return (
        run.program !== 'curl' &&
        installs &&
        run.args.find(
          (field) =>
            /^(?:https?|git\+\w+|git|ftp):\/\//.test(field.value) &&
            !/^(?:--(?:extra-)?index-url|--find-links|--registry|--proxy|-f)$/.test(
              words[words.indexOf(field.value) - 1] ?? '',
            ),
        )
      )
    },
    risk: 'installs something whose origin is not verified',
    caught: [
      'pip install http://x/y.tar.gz',
      'apt-get install --allow-unauthenticated x',
      'npm install https://x/y.tgz',
      'apt-key adv --recv-keys X',
      'rpm -ivh http://x/y.rpm',
    ],
    passed: [
      'pip install requests',
      'npm install express',
      'apt install x',
      'pip install -r requirements.txt',
    ],
  },
  {
    id: 'packages/publish',
    title: 'Publishes or withdraws a package',
    severity: 'medium',
    programs: ['npm', 'pnpm', 'yarn', 'cargo', 'gem', 'twine', 'poetry', 'uv', 'dotnet'],
    finds: (run) => {
      const words = subcommand(run)
      return (
        !has(run, 'dry-run', 'n') &&
        (begins(words, ['publish', 'unpublish', 'yank', 'deprecate']) ||
          (run.program === 'gem' && begins(words, 'push')) ||
          (run.program === 'twine' && begins(words, 'upload')))
      )
    },
    risk: 'publishes or withdraws a package for everyone',
    safer: (run) => (/^(?:npm|pnpm|cargo)$/.test(run.program) ? `${run.part} --dry-run` : undefined),
    caught: ['npm publish', 'npm unpublish x --force', 'cargo yank x', 'twine upload dist/*'],
    passed: ['npm publish --dry-run', 'npm pack', 'cargo build'],
  },
]

function removes(run: Invocation): boolean {
  const words = subcommand(run)
  if (has(run, 'simulate', 'dry-run', 'just-print', 'no-act')) return false
  switch (run.program) {
    case 'pacman':
      return run.args.some((field) => /^-R[a-z]*$|^--remove$/.test(field.value))
    case 'dpkg':
      return has(run, 'r', 'P', 'remove', 'purge')
    case 'rpm':
      return run.args.some((field) => /^-e[a-z]*$|^--erase$/.test(field.value))
    case 'emerge':
      return has(run, 'C', 'unmerge', 'c', 'depclean')
    case 'nix-env':
      return has(run, 'e', 'uninstall')
    case 'xbps-remove':
      return true
    case 'npm':
    case 'pnpm':
    case 'yarn':
      return has(run, 'g', 'global') && begins(words, ['uninstall', 'remove', 'rm', 'un', 'r'])
    default:
      return words.some(
        (word, index) =>
          index < 2 && /^(?:remove|purge|autoremove|erase|uninstall|del|delete|rm|remove-env)$/.test(word),
      )
  }
}

/** A package of the system, not one of a language: `pip uninstall python3-x` does not break the machine. */
function isOfSystem(run: Invocation): boolean {
  return !/^(?:pip|pipx|npm|pnpm|yarn|gem|cargo|conda|brew|snap|flatpak|uv)$/.test(run.program)
}
