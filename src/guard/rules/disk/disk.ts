import { has, operands, valuesOf } from '../../interpreter/programs/options.js'
import { firstAt, isAt } from '../path-classes.js'
import type { Rule } from '../rule.js'
import { begins, overwrites, subcommand, writes } from '../run-predicates.js'

export const disk: readonly Rule[] = [
  {
    id: 'disk/format',
    title: 'Creates a file system',
    severity: 'high',
    programs: ['mkfs', 'mkfs.*', 'mke2fs', 'mkswap', 'mkdosfs', 'newfs', 'mkntfs', 'format'],
    finds: (run) => {
      if (has(run, 'n', 'V', 'version', 'help')) return false
      const target = operands(run, 't', 'L', 'b', 'U', 'm', 'i', 'N', 'E', 'O', 'F').at(-1)
      // These pack a folder into a file; for mkswap on a file there is a rule of its own.
      if (/^mk(?:swap|fs\.(?:erofs|cramfs|jffs2|ubifs|squashfs))$/.test(run.program))
        return operands(run).find((field) => field.value.startsWith('/dev/'))
      return target &&
        (isAt(run, target, 'device') ||
          target.value.startsWith('/dev/') ||
          !/\.(?:img|raw|ext4|iso|qcow2)$/.test(target.value))
        ? target
        : false
    },
    risk: (what) => `creates a file system on ${what}, which destroys all data on it`,
    safer: 'lsblk -f',
    caught: [
      'mkfs.ext4 /dev/sda1',
      'mkfs -t xfs /dev/nvme0n1',
      'sudo mkswap /dev/sdb2',
      '/sbin/mkfs.btrfs -f /dev/vdb',
    ],
    passed: ["grep 'mkfs' notes", 'man mkfs', 'mkfs.ext4 -V', 'mkfs.ext4 disk.img'],
  },
  {
    id: 'disk/swap-file',
    title: 'Turns a file into swap space',
    severity: 'medium',
    programs: ['mkswap'],
    finds: (run) => !has(run, 'V', 'version', 'help') && operands(run, 'L', 'U', 'p')[0],
    risk: (what) => `overwrites ${what} to use it as swap space`,
    caught: ['mkswap /swapfile'],
    passed: ['mkswap --version', 'swapon /swapfile'],
  },
  {
    id: 'disk/raw-write',
    title: 'Writes to a disk below its file system',
    severity: 'high',
    programs: ['*'],
    finds: (run) => firstAt(run, writes(run), 'device'),
    risk: (what) => `writes directly to ${what} and overwrites the data on it`,
    safer: 'lsblk',
    caught: [
      'dd if=/dev/zero of=/dev/sda bs=1M',
      'cat image > /dev/sda',
      'echo x > /dev/nvme0n1',
      'cp disk.img /dev/sdb',
      'pv x.img | sudo tee /dev/sdc',
      'dd of=/dev/disk/by-id/ata-x if=a',
    ],
    passed: [
      'dd if=/dev/sda of=backup.img',
      'dd if=/dev/zero of=file bs=1M count=10',
      'cat x > /dev/null',
      'echo x > /dev/tty',
    ],
  },
  {
    id: 'disk/wipe',
    title: 'Wipes a disk',
    severity: 'high',
    programs: [
      'shred',
      'wipefs',
      'blkdiscard',
      'hdparm',
      'nvme',
      'badblocks',
      'sg_format',
      'scrub',
      'nwipe',
      'dc3dd',
      'secure-delete',
      'sfill',
      'flash_erase',
      'flash_eraseall',
    ],
    finds: (run) => {
      const harmless = run.program === 'wipefs' && !has(run, 'a', 'all', 'o', 'offset')
      if (harmless || (has(run, 'n', 'no-act', 'dry-run') && run.program !== 'shred')) return false
      if (run.program === 'badblocks' && !has(run, 'w')) return false
      if (
        run.program === 'nvme' &&
        !begins(subcommand(run), ['format', 'sanitize', 'delete-ns', 'write-zeroes'])
      )
        return false
      if (
        run.program === 'hdparm' &&
        !run.args.some((field) => /^--(?:security-erase|trim-sector|dco-restore|make-bad)/.test(field.value))
      )
        return false
      return firstAt(run, run.args, 'device')
    },
    risk: (what) => `wipes ${what}`,
    safer: 'lsblk -f',
    caught: [
      'shred -vfz /dev/sda',
      'wipefs -a /dev/sdb',
      'blkdiscard /dev/nvme0n1',
      'nvme format /dev/nvme0n1',
      'hdparm --security-erase x /dev/sda',
      'badblocks -wsv /dev/sdc',
    ],
    passed: [
      'wipefs /dev/sda',
      'shred secret.txt',
      'badblocks -sv /dev/sdc',
      'nvme list',
      'hdparm -I /dev/sda',
    ],
  },
  {
    id: 'disk/shred-file',
    title: 'Shreds a file',
    severity: 'medium',
    programs: ['shred', 'srm', 'wipe'],
    finds: (run) => operands(run, 'n', 's')[0],
    risk: (what) => `overwrites ${what} so that it cannot be restored`,
    caught: ['shred -u secret.txt'],
    passed: ['shred --help', 'ls secret.txt'],
  },
  {
    id: 'disk/partition-table',
    title: 'Changes the partition table',
    severity: 'high',
    programs: ['sgdisk', 'parted', 'sfdisk', 'fdisk', 'gdisk', 'cfdisk', 'diskutil', 'gpart'],
    finds: (run) => {
      const words = run.args.map((field) => field.value)
      if (run.program === 'sgdisk')
        return words.some((word) => /^-(?:Z|z|o|d|n|-zap|-zap-all|-clear|-delete|-new)/.test(word))
      if (run.program === 'parted')
        return words.some((word) => /^(?:mklabel|mktable|rm|mkpart|resizepart)\b/.test(word))
      if (run.program === 'diskutil')
        return words.some((word) => /^(?:erase|partition|zero|secureErase|reformat)/i.test(word))
      if (run.program === 'gpart') return words.some((word) => /^(?:destroy|delete|create)$/.test(word))
      if (has(run, 'l', 'list', 'd', 'dump', 's', 'V', 'v', 'h', 'help')) return false
      return run.program === 'sfdisk'
        ? run.args.length > 0
        : run.input !== undefined || run.upstream.length > 0
    },
    risk: 'changes the partition table, which can make all data on the disk inaccessible',
    safer: 'lsblk -f',
    caught: [
      'sgdisk --zap-all /dev/sda',
      'parted -s /dev/sdb mklabel gpt',
      'echo "o\nw" | fdisk /dev/sda',
      'sfdisk /dev/sda < table',
      'diskutil eraseDisk JHFS+ X disk2',
    ],
    passed: ['fdisk -l', 'parted -l', 'sfdisk -d /dev/sda', 'sgdisk -p /dev/sda', 'diskutil list'],
  },
  {
    id: 'disk/volume-remove',
    title: 'Removes a volume with its data',
    severity: 'high',
    programs: [
      'lvremove',
      'vgremove',
      'pvremove',
      'zpool',
      'zfs',
      'mdadm',
      'cryptsetup',
      'dmsetup',
      'lvm',
      'btrfs',
      'vgreduce',
      'lvreduce',
    ],
    finds: (run) => {
      const words = subcommand(run)
      if (run.program === 'zpool') return begins(words, ['destroy', 'labelclear', 'create'])
      if (run.program === 'zfs')
        return (
          begins(words, ['destroy', 'rollback']) &&
          !has(run, 'n') &&
          !(words[0] === 'destroy' && words[1]?.includes('@'))
        )
      if (run.program === 'mdadm') return has(run, 'zero-superblock', 'create')
      if (run.program === 'cryptsetup')
        return begins(words, ['luksFormat', 'luksErase', 'erase', 'luksKillSlot', 'reencrypt'])
      if (run.program === 'dmsetup') return begins(words, ['remove', 'remove_all', 'wipe_table'])
      if (run.program === 'lvm') return begins(words, ['lvremove', 'vgremove', 'pvremove'])
      if (run.program === 'btrfs')
        return words[0]?.startsWith('sub') === true && words[1]?.startsWith('del') === true
      return !has(run, 't', 'test', 'help')
    },
    risk: 'removes a volume and the data on it',
    safer: 'lsblk -f',
    caught: [
      'lvremove -f vg0/data',
      'zpool destroy tank',
      'zfs destroy -r tank/home',
      'mdadm --zero-superblock /dev/sdb1',
      'cryptsetup luksFormat /dev/sda2',
      'vgremove vg0',
      'btrfs subvolume delete /data/@snap',
    ],
    passed: ['zpool status', 'zfs list', 'mdadm --detail /dev/md0', 'cryptsetup status x', 'lvs'],
  },
  {
    id: 'disk/overwrite-boot-sector',
    title: 'Writes a boot loader',
    severity: 'medium',
    programs: [
      'grub-install',
      'grub2-install',
      'update-grub',
      'grub-mkconfig',
      'efibootmgr',
      'bootctl',
      'dracut',
      'update-initramfs',
    ],
    finds: (run) => {
      if (run.program === 'efibootmgr') return has(run, 'B', 'b', 'o', 'c', 'delete-bootnum', 'create')
      if (run.program === 'bootctl')
        return begins(subcommand(run), ['install', 'remove', 'update', 'set-default'])
      return !has(run, 'help', 'version', 'V')
    },
    risk: 'changes how the machine starts; a mistake shows only at the next boot',
    caught: ['grub-install /dev/sda', 'efibootmgr -b 0001 -B', 'update-initramfs -u'],
    passed: ['efibootmgr', 'bootctl status'],
  },
  {
    id: 'disk/mounts',
    title: 'Changes what is mounted',
    severity: 'medium',
    programs: ['umount', 'mount', 'swapoff', 'fusermount', 'losetup', 'pivot_root'],
    finds: (run) => {
      if (run.program === 'mount') return operands(run, 't', 'o').length > 0 || valuesOf(run, 'o').length > 0
      if (run.program === 'losetup') return has(run, 'd', 'D', 'detach', 'detach-all')
      return run.args.length > 0 && !has(run, 'help', 'V', 'version')
    },
    risk: 'changes what is mounted, so programs that use it may fail',
    caught: ['umount -l /mnt/data', 'mount -o remount,ro /', 'swapoff -a'],
    passed: ['mount', 'mount -l', 'losetup -a'],
  },
  {
    id: 'disk/repair',
    title: 'Repairs or resizes a file system',
    severity: 'medium',
    programs: [
      'fsck',
      'fsck.*',
      'e2fsck',
      'xfs_repair',
      'resize2fs',
      'tune2fs',
      'lvresize',
      'lvextend',
      'xfs_growfs',
      'ntfsfix',
      'debugfs',
    ],
    finds: (run) => !has(run, 'n', 'N', 'l', 'help', 'V') && operands(run).at(-1),
    risk: (what) => `changes the file system on ${what}, which can damage it while it is mounted`,
    safer: (run) => (run.program === 'fsck' ? run.part.replace(/^fsck/, 'fsck -n') : undefined),
    caught: ['fsck -y /dev/sda1', 'resize2fs /dev/sda1', 'xfs_repair -L /dev/sdb'],
    passed: ['fsck -n /dev/sda1', 'tune2fs -l /dev/sda1'],
  },
  {
    id: 'disk/fill',
    title: 'Writes without end',
    severity: 'medium',
    programs: ['yes', 'cat', 'dd'],
    finds: (run) => {
      const endless =
        run.program === 'yes' ||
        run.args.some((field) => /^(?:if=)?\/dev\/(?:zero|u?random)$/.test(field.value))
      const bounded = run.args.some((field) => field.value.startsWith('count='))
      return endless && !bounded && overwrites(run).find((field) => !field.value.startsWith('/dev/'))
    },
    risk: (what) => `writes to ${what} until the disk is full`,
    safer: (run) => (run.program === 'dd' ? `${run.part} count=1024` : undefined),
    caught: ['yes > file', 'cat /dev/zero > big', 'dd if=/dev/urandom of=x'],
    passed: ['yes | apt-get install x', 'dd if=/dev/zero of=x bs=1M count=5', 'cat /dev/zero > /dev/null'],
  },
]
