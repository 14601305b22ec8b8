import type { Field, Invocation } from '../../interpreter/programs/invocation.js'
import { byDeeds, wordsOf } from '../deeds.js'
import { firstAt } from '../path-classes.js'
import type { Rule } from '../rule.js'

/** Programs that write to the disk they are given, if their words say so. */
const writers: Readonly<Record<string, RegExp>> = {
  ddrescue: /./,
  dd_rescue: /./,
  'qemu-img': /^(?:convert|dd)\b/,
  'partclone.*': /^(?!.*(?:^| )-(?:\w*c|-clone)\b)/,
  ntfsclone: /-O|--overwrite|--restore/,
  bcachefs: /^(?:-\S+ )*format\b/,
  ventoy: /(?:^| )-[iIu](?: |$)/,
  'Ventoy2Disk.sh': /(?:^| )-[iIu](?: |$)/,
  woeusb: /--device|-d\b/,
  'rpi-imager': /--cli\b/,
  e2image: /(?:^| )-[a-zA-Z]*I/,
  sgdisk: /--(?:gpttombr|load-backup|mbrtogpt|typecode|randomize-guids)|-[lmgG]\b/,
  'systemd-cryptenroll': /--wipe-slot=all\b/,
  pvcreate: /-[a-z]*ff|--force\b|-f\b/,
  'balena-etcher': /./,
  etcher: /./,
  bmaptool: /^copy\b/,
  dcfldd: /of=/,
  xfs_copy: /./,
  'ocs-sr': /restore/,
  partimage: /\brestore\b/,
  fsarchiver: /\brestfs\b/,
  zpool: /\b(?:create|add|replace)\b.* -f|-f .*\b(?:create|add|replace)\b/,
}

export const diskTools: readonly Rule[] = [
  {
    id: 'disk/tool-writes',
    title: 'Overwrites a disk with a tool',
    severity: 'high',
    programs: Object.keys(writers),
    finds: (run) => {
      const words = wordsOf(run)
      const writes = run.program.startsWith('partclone.') ? writers['partclone.*'] : writers[run.program]
      if (!writes?.test(words) || /(?:^| )(?:--help|--version|--dry-run)(?: |$)/.test(words)) return undefined
      return firstAt(run, targetsOf(run), 'device')
    },
    risk: (what) => `overwrites ${what}, which destroys all data on it`,
    safer: 'lsblk -f',
    caught: [
      'ddrescue -f golden.img /dev/vdb map',
      'qemu-img convert -O raw x.qcow2 /dev/vdb',
      'sudo ventoy -I -g /dev/sdd',
      'bcachefs format /dev/vdd',
      'pvcreate -ff -y /dev/vdq',
    ],
    passed: [
      'ddrescue /dev/sda backup.img map',
      'qemu-img convert -O qcow2 /dev/vdb x.qcow2',
      'ventoy -l /dev/sdd',
      'pvcreate /dev/vdq',
    ],
  },
  {
    id: 'disk/tool-destroys',
    title: 'Destroys what a disk or a chip holds',
    severity: 'high',
    ...byDeeds([
      { programs: 'flashrom', words: /(?:^| )(?:-[wE]|--write|--erase)(?: |$)/ },
      { programs: 'diskutil', words: /^(?:apfs|cs|coreStorage) (?:delete|erase)\w*/i },
      { programs: 'debugfs', words: /-w\b.*(?:-R \S*(?:rm|kill_file|clri|freei|freeb|zap_block|unlink)\b)/ },
      { programs: 'mdadm', words: /--zero-superblock\b/ },
      { programs: 'stratis', words: /\b(?:pool|filesystem|fs) destroy\b/ },
      { programs: 'vdo', words: /^remove\b/ },
      { programs: 'tgtadm targetcli', words: /\bdelete\b/ },
    ]),
    risk: (what) => `destroys the data on a disk or a chip (“${what}”)`,
    caught: ['flashrom -p internal -w bios.rom', 'diskutil apfs deleteContainer disk1s2'],
    passed: ['flashrom -r backup.rom', 'diskutil apfs list', 'debugfs -R "ls /" /dev/vda2'],
  },
  {
    id: 'disk/tool-changes',
    title: 'Removes data or access to it, or fills a disk',
    severity: 'medium',
    ...byDeeds([
      { programs: 'cryptsetup', words: /^(?:-\S+ )*luksRemoveKey\b/ },
      { programs: 'mdadm', words: /(?:^| )(?:--stop|-S|--fail|--remove)\b/ },
      { programs: 'fallocate', words: /(?:-l|--length)[ =]?(?:\d{3,}[gG]|\d+[tTpP])/ },
      { programs: 'truncate', words: /(?:-s|--size)[ =]?0\b.* \/(?!tmp|var\/tmp|var\/log|dev\/shm)/ },
      { programs: 'fdupes jdupes', words: /(?:^| )(?:--delete|-[a-zA-Z]*d[a-zA-Z]*)(?: |$)/ },
      { programs: 'rdfind', words: /-deleteduplicates true\b/ },
      { programs: 'rmlint', words: /-c sh:handler=remove/ },
      { programs: 'trash-empty', words: /^/ },
      { programs: 'trash-put trash gio', words: /(?:^| )\/\w+\/?$/ },
    ]),
    risk: (what) => `removes data that may be needed or access to it, or fills a disk (“${what}”)`,
    caught: ['mdadm --stop /dev/md/x', 'truncate -s 0 /ledger.db', 'fdupes -rdN photos'],
    passed: ['fallocate -l 1G swap', 'truncate -s 0 /tmp/x', 'fdupes -r photos'],
  },
]

/** Where a tool writes: the output that is named, or else the last word, not counting a map file. */
function targetsOf(run: Invocation): readonly Field[] {
  const words = run.args.filter((field) => !/^-\w$/.test(field.value))
  switch (run.program) {
    case 'ddrescue':
    case 'dd_rescue':
    case 'xfs_copy':
      return words.filter((field) => !field.value.startsWith('-')).slice(1)
    case 'qemu-img':
      return words.slice(-1).map((field) => ({ ...field, value: field.value.replace(/^of=/, '') }))
    default:
      return words.map((field) => ({ ...field, value: field.value.replace(/^(?:--?\w+|of)=/, '') }))
  }
}
