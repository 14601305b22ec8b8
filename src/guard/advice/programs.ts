/** What common programs do, for people: the verb phrase, and what one often wants next. */
export interface KnownProgram {
  readonly does: string
  readonly related: readonly string[]
}

const table = `
ls|lists files|stat,find,tree
cd|changes the folder|pwd,pushd
pwd|prints the current folder|cd
cat|prints files|less,head,tail
less|shows a file page by page|cat,tail
head|prints the first lines|tail,sed
tail|prints the last lines|head,journalctl
echo|prints a text|printf
printf|prints a formatted text|echo
grep|searches for lines that match|rg,awk,sed
rg|searches for lines that match|grep
awk|picks and computes fields of lines|cut,sed
sed|edits text line by line|awk,perl
cut|picks columns|awk
sort|sorts lines|uniq
uniq|drops repeated lines|sort
wc|counts lines, words or bytes|nl
tr|replaces characters|sed
tee|writes to a file and passes it on|cat
find|looks for files|fd,locate
xargs|runs a command with arguments from its input|parallel
rm|deletes files|rmdir,mv,trash
mv|moves or renames files|cp,rename
cp|copies files|rsync,install
ln|links files|readlink
mkdir|makes folders|rmdir
rmdir|removes empty folders|rm
touch|makes files or sets their time|stat
chmod|changes access rights|chown,umask
chown|changes owners|chmod,chgrp
stat|shows facts of a file|ls
df|shows free space of file systems|du,lsblk
du|shows space used by folders|df,ncdu
dd|copies raw data|cp,lsblk
mkfs|makes a file system|lsblk,blkid
mount|mounts or lists file systems|umount,findmnt
umount|unmounts a file system|mount,lsof
lsblk|lists disks|blkid,df
tar|packs or unpacks an archive|gzip,zip
gzip|compresses|gunzip,xz
gunzip|decompresses|gzip
unzip|unpacks a zip|zip
zip|packs a zip|unzip
curl|transfers data with a server|wget,http
wget|downloads files|curl
ssh|runs commands on another machine|scp,rsync
scp|copies files between machines|rsync,sftp
rsync|makes folders equal|scp,cp
nc|talks over plain connections|socat,ss
ping|tests whether a machine answers|traceroute,mtr
dig|asks the name service|host,nslookup
ip|shows or changes network settings|ss,nmcli
ss|lists sockets|netstat,lsof
netstat|lists sockets|ss
iptables|shows or changes firewall rules|nft,ufw
ufw|shows or changes the firewall|iptables
ps|lists processes|top,pgrep
top|watches processes|htop,ps
kill|sends a signal to a process|pkill,ps
pkill|sends a signal to processes by name|pgrep,kill
pgrep|finds processes by name|ps,pkill
systemctl|asks or controls services|journalctl
service|asks or controls services|systemctl
journalctl|shows logs of services|systemctl,dmesg
dmesg|shows messages of the kernel|journalctl
crontab|shows or changes timed jobs|systemctl list-timers
reboot|restarts the machine|shutdown
shutdown|stops or restarts the machine|reboot
uname|shows the kernel|hostnamectl
uptime|shows how long the machine is up|w
free|shows memory|vmstat
whoami|prints the user's name|id
id|prints the user's ids|groups
useradd|makes a user|usermod,passwd
usermod|changes a user|id
passwd|changes a password|chage
env|prints or sets the environment|export
export|sets variables for child processes|env
date|prints the time|timedatectl
sleep|waits|timeout
sh|runs a shell script|bash
bash|runs a shell script|sh
python|runs Python code|pip
node|runs JavaScript code|npm
perl|runs Perl code|
ruby|runs Ruby code|gem
make|builds targets|ninja
npm|manages JavaScript packages|npx,node
npx|runs a package's program|npm
pip|manages Python packages|python
apt|manages packages|apt-cache,dpkg
apt-get|manages packages|apt-cache,dpkg
yum|manages packages|rpm
dnf|manages packages|rpm
apk|manages packages|
brew|manages packages|
git|works on a repository|gh
docker|works with containers|docker compose
podman|works with containers|buildah
kubectl|works on a cluster|helm
helm|manages releases in a cluster|kubectl
terraform|manages infrastructure|terragrunt
aws|works on AWS resources|
gcloud|works on Google Cloud resources|gsutil
az|works on Azure resources|
psql|talks to PostgreSQL|pg_dump
mysql|talks to MySQL|mysqldump
redis-cli|talks to Redis|
sqlite3|works on a SQLite file|
jq|picks from JSON|
base64|encodes or decodes base64|xxd
openssl|does cryptography|
test|tests a condition|
`

export const programs: ReadonlyMap<string, KnownProgram> = new Map(
  table
    .trim()
    .split('\n')
    .map((line) => {
      const [name = '', does = '', related = ''] = line.split('|')
      return [name, { does, related: related.split(',').filter((one) => one !== '') }]
    }),
)
