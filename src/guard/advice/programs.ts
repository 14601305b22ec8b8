/** What common programs do, for people: a verb phrase, and related programs. */
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
echo|prints text|printf
printf|prints formatted text|echo
grep|searches for lines that match|rg,awk,sed
rg|searches for lines that match|grep
awk|selects and computes fields of lines|cut,sed
sed|edits text line by line|awk,perl
cut|selects columns|awk
sort|sorts lines|uniq
uniq|drops repeated lines|sort
wc|counts lines, words or bytes|nl
tr|replaces characters|sed
tee|writes its input to a file and passes it on|cat
find|searches for files|fd,locate
xargs|runs a command with arguments from its input|parallel
rm|deletes files|rmdir,mv,trash
mv|moves or renames files|cp,rename
cp|copies files|rsync,install
ln|links files|readlink
mkdir|creates folders|rmdir
rmdir|removes empty folders|rm
touch|creates files or sets their times|stat
chmod|changes access rights|chown,umask
chown|changes owners|chmod,chgrp
stat|shows the attributes of a file|ls
df|shows free space of file systems|du,lsblk
du|shows space used by folders|df,ncdu
dd|copies raw data|cp,lsblk
mkfs|creates a file system|lsblk,blkid
mount|mounts or lists file systems|umount,findmnt
umount|unmounts a file system|mount,lsof
lsblk|lists disks|blkid,df
tar|creates or extracts an archive|gzip,zip
gzip|compresses|gunzip,xz
gunzip|decompresses|gzip
unzip|extracts a zip archive|zip
zip|creates a zip archive|unzip
curl|transfers data with a server|wget,http
wget|downloads files|curl
ssh|runs commands on another machine|scp,rsync
scp|copies files between machines|rsync,sftp
rsync|synchronises folders|scp,cp
nc|sends and receives data over TCP or UDP|socat,ss
ping|tests whether a machine answers|traceroute,mtr
dig|queries DNS|host,nslookup
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
systemctl|queries or controls services|journalctl
service|queries or controls services|systemctl
journalctl|shows logs of services|systemctl,dmesg
dmesg|shows kernel messages|journalctl
crontab|shows or changes scheduled jobs|systemctl list-timers
reboot|restarts the machine|shutdown
shutdown|stops or restarts the machine|reboot
uname|shows the kernel|hostnamectl
uptime|shows how long the machine has been up|w
free|shows memory|vmstat
whoami|prints the user's name|id
id|prints the user's ids|groups
useradd|creates a user|usermod,passwd
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
git|works on a Git repository|gh
docker|works with containers|docker compose
podman|works with containers|buildah
kubectl|works on a cluster|helm
helm|manages releases in a cluster|kubectl
terraform|manages infrastructure|terragrunt
aws|manages AWS resources|
gcloud|manages Google Cloud resources|gsutil
az|manages Azure resources|
psql|connects to PostgreSQL|pg_dump
mysql|connects to MySQL|mysqldump
redis-cli|connects to Redis|
sqlite3|works on a SQLite file|
jq|extracts values from JSON|
base64|encodes or decodes base64|xxd
openssl|works with keys, certificates and encryption|
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
