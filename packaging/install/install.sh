#!/bin/sh
# Installs an Ogent agent on this machine, from the controller that gave this script, and takes it away again.
# The controller's address below is the one by which the script was fetched. Nothing is changed before all of it is here:
# the script does nothing until its last line, and first downloads and checks what it installs.

CONTROLLER_URL='@CONTROLLER_URL@'

usage() {
  cat << 'END'
Usage: install.sh --join TOKEN [OPTIONS]
       install.sh --username NAME --password-file FILE [OPTIONS]
       install.sh --upgrade [--wait SECONDS] [OPTIONS]
       install.sh --uninstall [OPTIONS]

  --join TOKEN           join by this token, with a key of its own: ogent join-tokens create
  --join-file FILE       the same, from a file with the token alone; or in OGENT_JOIN_TOKEN
  --username NAME        the agent's account on the controller: ogent users add NAME --role agent
  --password-file FILE   a file with the password of that account, and nothing else
  --agent-id ID          the agent's name; without it the controller issues one
  --labels LIST          labels by which agents are chosen, such as env=prod,role=web
  --user NAME            the user that the agent and its commands run as, made where it is not there; ogent
  --ca FILE              certificates to trust instead of the machine's, where the controller has one of its own
  --allow-plaintext      allow http:// to another machine, where something else encrypts
  --url URL              the controller, where agents reach it by another address than this script
  --no-service           write the files alone: no user, no service, nothing is started
  --prefix DIR           write below this folder instead of /; nothing is started then
  --upgrade              renew the program when no command runs
  --wait SECONDS         for that, wait so long for commands that run; 300
  --uninstall            take everything away: the service, its commands, files, user and state
  --help                 print this
END
}

say() {
  printf '%s\n' "$*"
}

die() {
  printf 'ogent: %s\n' "$*" >&2
  exit 1
}

wrong() {
  printf 'ogent: %s. See --help.\n' "$*" >&2
  exit 64
}

parse() {
  while [ $# -gt 0 ]; do
    option=$1
    shift
    case $option in
      --allow-plaintext) plaintext=yes ;;
      --no-service) service= ;;
      --upgrade | --uninstall) action=${option#--} ;;
      --help | -h) action=usage ;;
      --*=*) take "${option%%=*}" "${option#*=}" ;;
      --username | --password-file | --agent-id | --labels | --user | --ca | --url | --prefix | --wait | --join | --join-file)
        [ $# -gt 0 ] || wrong "$option takes a value"
        take "$option" "$1"
        shift
        ;;
      *) wrong "there is no option $option" ;;
    esac
  done
}

take() {
  case $2 in
    *"$newline"*) wrong "the value of $1 has more than one line" ;;
  esac
  case $1 in
    --username) username=$2 ;;
    --password-file) password_file=$2 ;;
    --agent-id) agent_id=$2 ;;
    --labels) labels=$2 ;;
    --user) user=$2 ;;
    --ca) ca=$2 ;;
    --url) url=${2%/} ;;
    --prefix) prefix=$2 ;;
    --wait) wait=$2 ;;
    --join) join=$2 ;;
    --join-file) join_file=$2 ;;
    *) wrong "there is no option $1 with a value" ;;
  esac
}

# Where everything is, below the prefix.
place() {
  case $prefix in
    /*) ;;
    *) wrong "--prefix takes a path from / on" ;;
  esac
  case $prefix in
    *[!A-Za-z0-9._/+-]*) wrong "--prefix takes a path of letters, digits and . _ / + -" ;;
  esac
  case $user in
    '' | [!a-z_]* | *[!a-z0-9_-]*) wrong "--user takes a name of small letters, digits, _ and -" ;;
  esac
  root=${prefix%/}
  [ -z "$root" ] || service_here=
  home=$root/usr/local/lib/ogent-agent
  program=$home/ogent-agent.mjs
  receipt=$home/installed
  settings=$root/etc/ogent/agent.env
  join_settings=$root/etc/ogent/agent-join.env
  ca_file=$root/etc/ogent/controller-ca.pem
  state=$root/var/lib/ogent-agent
  unit=$root/etc/systemd/system/ogent-agent.service
}

needs_root() {
  [ -z "$service_here" ] || [ "$(id -u)" = 0 ] || die "this takes root: curl -fsS $url/install.sh | sudo sh -s -- …"
}

# What is wrong on this machine is said before anything is downloaded.
find_node() {
  how="Ogent needs Node.js 20.19 or later for all users of this machine: https://nodejs.org/en/download has packages and archives"
  node=$(command -v node || command -v nodejs) || die "there is no Node.js here. $how"
  # shellcheck disable=SC2016 # It is JavaScript.
  "$node" -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2> /dev/null ||
    die "Node.js $("$node" --version 2> /dev/null) at $node is too old. $how"
}

check_service() {
  needs_root
  [ -d /run/systemd/system ] || die "no systemd runs here: with --no-service the files alone are written"
  # Both by its name and by what a link of that name leads to, which a newer Node.js may change.
  for file in "$node" "$("$node" -p process.execPath)"; do
    case $file in
      /home/* | /root/* | /run/user/*) die "$file is in a home folder, which the service does not see. $how" ;;
      *[!A-Za-z0-9._/+-]*) die "$file is a path that a unit of systemd cannot have" ;;
    esac
  done
}

check_settings() {
  if [ -n "$join_file" ]; then
    [ -z "$join" ] || wrong "--join and --join-file are two tokens: give one"
    [ -r "$join_file" ] || die "$join_file cannot be read"
    join=$(cat "$join_file")
  fi
  [ -n "$join" ] || [ -n "$username" ] || join=${OGENT_JOIN_TOKEN:-}
  if [ -n "$join" ]; then
    [ -z "$username$password_file" ] || wrong "an agent that joins by a token has no account: leave out --username and --password-file"
    case $join in
      *[!A-Za-z0-9_:@-]*) die "this is no join token: ogent join-tokens create makes one" ;;
      ogj_*) ;;
      *) die "this is no join token: ogent join-tokens create makes one" ;;
    esac
  else
    [ -n "$username" ] || wrong "how does the agent log in? --join takes a token (ogent join-tokens create), --username an account"
    [ -n "$password_file" ] || wrong "--password-file takes a file with the password of $username"
    [ -r "$password_file" ] || die "$password_file cannot be read"
    [ "$(sed -n '$=' "$password_file")" = 1 ] || die "$password_file has to hold the password, as its only line"
  fi
  case $url in
    https://* | http://localhost | http://localhost:* | http://127.* | 'http://[::1]'*) ;;
    http://*)
      [ -n "$plaintext" ] ||
        die "$url is not encrypted: the password, the commands and their output could be read on the network. Give the controller a certificate, or say --allow-plaintext where something else encrypts"
      ;;
    *) wrong "--url takes an address that begins with https:// or http://" ;;
  esac
  [ -z "$ca" ] || [ -r "$ca" ] || die "$ca cannot be read"
}

# What is there and not of this script stays as it is. Where an earlier call did not come to its end, this one does.
check_free() {
  [ ! -e "$receipt" ] || return 0
  for file in "$unit" "$settings"; do
    [ ! -e "$file" ] || die "$file is there, and is not of this script: take that agent away first"
  done
}

fetch() {
  if command -v curl > /dev/null 2>&1; then
    curl -fsS --proto '=https,http' --connect-timeout 15 --max-time 600 ${ca:+--cacert "$ca"} -o "$2" "$url$1"
  elif command -v wget > /dev/null 2>&1; then
    wget -q -T 60 -t 1 ${ca:+--ca-certificate="$ca"} -O "$2" "$url$1"
  else
    die "neither curl nor wget is here"
  fi || die "$url$1 was not downloaded"
}

hash_of() {
  if command -v sha256sum > /dev/null 2>&1; then
    sha256sum < "$1"
  elif command -v shasum > /dev/null 2>&1; then
    shasum -a 256 < "$1"
  elif command -v openssl > /dev/null 2>&1; then
    openssl dgst -sha256 -r < "$1"
  else
    die "neither sha256sum nor shasum nor openssl is here, to check what is downloaded"
  fi | cut -d ' ' -f 1
}

# Into $scratch, which is removed at the end in any case. It is where the program will be, or as near as there is a folder:
# Node.js looks for packages in every folder above a program, and into /tmp every user may put some.
download() {
  near=$(dirname "$home")
  until [ -d "$near" ]; do near=$(dirname "$near"); done
  scratch=$(mktemp -d "$near/.ogent-agent.XXXXXX") || die "nothing can be written to $near"
  trap 'rm -rf "$scratch"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
  fetch /install/ogent-agent.mjs.sha256 "$scratch/hash"
  fetch /install/ogent-agent.mjs "$scratch/ogent-agent.mjs"
  expected=$(cut -d ' ' -f 1 < "$scratch/hash")
  # A page of a proxy, or one that leads elsewhere, which is not followed.
  case $expected in
    *[!0-9a-f]* | '') die "$url/install/ogent-agent.mjs.sha256 is not what a controller gives: check the address, and what is on the way there" ;;
  esac
  found=$(hash_of "$scratch/ogent-agent.mjs")
  [ "$found" = "$expected" ] ||
    die "what was downloaded has the SHA-256 $found, and should have $expected: try again; nothing was changed"
  version=$("$node" "$scratch/ogent-agent.mjs" --version) || die "the agent does not start with $node"
}

# As systemd reads it, and a shell.
quoted() {
  printf '%s="' "$1"
  sed 's/[\\"$`]/\\&/g' | tr -d '\r\n'
  printf '"\n'
}

# The password goes from file to file: no program has it among its arguments.
settings_text() {
  printf '# The settings of this agent, for root alone: its service reads them before it becomes another user.\n'
  printf '%s' "$url" | quoted CONTROLLER_URL
  if [ -z "$join" ]; then
    printf '%s' "$username" | quoted AGENT_USERNAME
    quoted AGENT_PASSWORD < "$password_file"
  fi
  [ -z "$agent_id" ] || printf '%s' "$agent_id" | quoted AGENT_ID
  [ -z "$labels" ] || printf '%s' "$labels" | quoted AGENT_LABELS
  [ -z "$ca" ] || printf '%s' "$ca_file" | quoted CONTROLLER_CA
  [ -z "$plaintext" ] || printf 'ALLOW_PLAINTEXT="true"\n'
  # What this script needs on its way to the controller, the agent needs as well.
  for name in https_proxy HTTPS_PROXY http_proxy HTTP_PROXY no_proxy NO_PROXY; do
    eval "value=\${$name:-}"
    [ -z "$value" ] || printf '%s' "$value" | quoted "$name"
  done
  # The service has it from its unit.
  [ -n "$service" ] || printf '%s' "$state" | quoted AGENT_STATE_DIR
}

# In a file of its own, which is gone once the agent has its key. `printf` is the shell's own: no program has it among its arguments.
join_text() {
  printf '# A join token, for root alone: once the agent has joined, remove this file.\n'
  printf '%s' "$join" | quoted AGENT_JOIN_TOKEN
}

# By the agent itself, before anything is changed: a label that it does not take would keep it from starting.
check_agent() {
  settings_text > "$scratch/settings"
  # The unit sets NODE_ENV, with which sample passwords are refused.
  # shellcheck disable=SC1091 # It is made above.
  (
    # A trace of the shell would show what is in the file.
    set +x
    set -a
    . "$scratch/settings"
    [ -z "$join" ] || export AGENT_JOIN_TOKEN="$join"
    [ -z "$service" ] || export NODE_ENV=production
    cd "$scratch"
    exec "$node" ogent-agent.mjs check-settings
  ) || die "these settings are not taken: nothing was changed"
}

put() {
  mkdir -p "$(dirname "$2")"
  (umask 077 && cat > "$2.new")
  chmod "$1" "$2.new"
  mv -f "$2.new" "$2"
}

make_user() {
  if ! id -u "$user" > /dev/null 2>&1; then
    printf 'user=%s\n' "$user" >> "$receipt"
    useradd --system --home-dir "$state" --shell /usr/sbin/nologin "$user"
  fi
  group=$(id -gn "$user")
}

unit_text() {
  own_state="StateDirectory=ogent-agent"
  [ -z "$root" ] || own_state="ReadWritePaths=$state"
  agent_unit | sed \
    -e "s|^ExecStart=.*|ExecStart=$node $program|" \
    -e "s|^EnvironmentFile=/.*|EnvironmentFile=$settings|" -e "s|^EnvironmentFile=-.*|EnvironmentFile=-$join_settings|" \
    -e "s|^User=.*|User=$user|" -e "s|^Group=.*|Group=$group|" \
    -e "s|^StateDirectory=.*|$own_state|" \
    -e "s|/var/lib/ogent-agent|$state|g" -e "s|as the user ogent-agent|as the user $user|"
}

install_files() {
  umask 022
  # Before all else: what is only half there can be taken away.
  [ -e "$receipt" ] ||
    printf 'What install.sh has written here; --uninstall takes it away.\n' | put 0644 "$receipt"
  group=$user
  [ -z "$service_here" ] || make_user
  put 0644 "$program" < "$scratch/ogent-agent.mjs"
  [ -z "$ca" ] || put 0644 "$ca_file" < "$ca"
  settings_text | put 0600 "$settings"
  [ -z "$join" ] || join_text | put 0600 "$join_settings"
  [ -n "$service" ] || return 0
  unit_text | put 0644 "$unit"
  sudo_drop_in | put 0644 "$home/systemd/ogent-agent-sudo.conf"
  cgroups_drop_in | put 0644 "$home/systemd/ogent-agent-cgroups.conf"
}

start() {
  # Of an agent before this one.
  rm -f "$state/linked"
  systemctl daemon-reload
  systemctl enable --quiet ogent-agent
  systemctl restart ogent-agent || not_started "the agent is installed, and its service does not start"
  tries=0
  until [ -f "$state/linked" ]; do
    tries=$((tries + 1))
    [ "$tries" -le 15 ] || not_started "the agent is installed and started, and is not connected to $url after 15 s"
    sleep 1
  done
}

not_started() {
  systemctl status ogent-agent -n 20 --no-pager --full >&2 || true
  die "$1: see above why. It goes on trying; to give it other settings, call this again with them, or take it away with --uninstall"
}

# An agent that is connected is, even where the call that installed it did not wait for that.
is_complete() {
  [ -e "$receipt" ] || return 1
  grep -qx complete "$receipt" || [ -f "$state/linked" ]
}

# Says what is there already; dies where that is not what was asked for.
look_at_installed() {
  differ="--uninstall takes it away; to change its settings, edit $settings and restart ogent-agent, which ends what it runs"
  cmp -s "$scratch/settings" "$settings" || die "an agent is installed here already, with other settings: $differ"
  [ -z "$ca" ] || [ "$ca" = "$ca_file" ] || cmp -s "$ca" "$ca_file" ||
    die "an agent is installed here already, which trusts other certificates: $differ"
  [ -z "$service" ] || grep -qx "User=$user" "$unit" ||
    die "an agent is installed here already, for another user than $user: $differ"
  if [ -n "$service_here" ] && ! systemctl is-active --quiet ogent-agent; then
    start
  fi
  say "The agent $(name_of_agent) is installed already, with these settings: nothing was changed."
  [ "$(hash_of "$program")" = "$expected" ] || say "The controller has another version of it, $version: --upgrade takes that one."
}

name_of_agent() {
  [ -z "$agent_id" ] || { printf '%s' "$agent_id" && return; }
  [ -f "$state/agent-id" ] && [ ! -h "$state/agent-id" ] && cut -c 1-300 "$state/agent-id" | tr -cd 'A-Za-z0-9._:@-'
}

install_agent() {
  check_settings
  find_node
  [ -z "$service_here" ] || check_service
  check_free
  download
  check_agent
  if is_complete; then
    look_at_installed
    return
  fi
  install_files
  if [ -n "$service_here" ]; then
    start
    rm -f "$join_settings"
    printf 'complete\n' >> "$receipt"
    say "The agent $(name_of_agent) is connected to $url ($version)."
    say "Its settings are in $settings; see what it does: journalctl -u ogent-agent"
    [ -z "$join" ] || {
      say "It has joined: the token is of no more use here. Its key is in $state, and its commands run as $user, who can read it: docs/install-agent.md"
      return
    }
    say "Its commands run as $user, and can read the password of $username, unless the package koffi is beside it: docs/install-agent.md"
    return
  fi
  printf 'complete\n' >> "$receipt"
  say "Installed below $prefix ($version); nothing was started."
  [ -n "$service" ] || say "Start it with: set -a; . $settings; ${join:+. $join_settings; }exec $node $program"
  [ -z "$join" ] || say "At its first start it joins, by the token in $join_settings: remove that file then."
}

upgrade_agent() {
  needs_root
  find_node
  [ -e "$receipt" ] || die "there is no agent of this script below $prefix"
  [ -n "$ca" ] || [ ! -e "$ca_file" ] || ca=$ca_file
  download
  "$node" "$scratch/ogent-agent.mjs" upgrade --bundle "$scratch/ogent-agent.mjs" --prefix "$prefix" --wait "$wait"
}

uninstall_agent() {
  needs_root
  [ -e "$receipt" ] || {
    say "There is no agent of this script below $prefix."
    return
  }
  managed=
  [ -n "$root" ] || [ ! -d /run/systemd/system ] || managed=yes
  if [ -n "$managed" ] && [ -e "$unit" ]; then
    systemctl disable --now --quiet ogent-agent || true
  fi
  rm -rf "$unit" "$unit.new" "$unit.d" "$root/etc/systemd/system/multi-user.target.wants/ogent-agent.service"
  if [ -n "$managed" ]; then
    systemctl daemon-reload
    systemctl reset-failed --quiet ogent-agent 2> /dev/null || true
  fi
  rm -rf "$settings" "$settings.new" "$join_settings" "$join_settings.new" "$ca_file" "$ca_file.new" "$state"
  rmdir "$root/etc/ogent" 2> /dev/null || true
  sed -n 's/^user=//p' "$receipt" | while read -r made_user; do
    ! id -u "$made_user" > /dev/null 2>&1 || userdel "$made_user" < /dev/null ||
      die "the user $made_user was not removed: end what runs as that user, and try again"
  done
  # Of a call that was ended by force.
  rm -rf "$root/usr/local/lib/.ogent-agent."??????
  # The last of all: until then it can be begun anew.
  rm -rf "$home"
  say "The agent is gone. On the controller: ogent agents forget ID"
}

agent_unit() {
  cat << 'END_OF_UNIT'
@AGENT_UNIT@
END_OF_UNIT
}

sudo_drop_in() {
  cat << 'END_OF_UNIT'
@SUDO_DROP_IN@
END_OF_UNIT
}

cgroups_drop_in() {
  cat << 'END_OF_UNIT'
@CGROUPS_DROP_IN@
END_OF_UNIT
}

main() {
  set -eu
  newline='
'
  action=install url=$CONTROLLER_URL username='' password_file='' join='' join_file='' agent_id='' labels='' user=ogent ca='' plaintext=''
  service=yes prefix=/ wait=300
  parse "$@"
  service_here=$service
  place
  case $action in
    usage) usage ;;
    install) install_agent ;;
    upgrade) upgrade_agent ;;
    uninstall) uninstall_agent ;;
  esac
}

main "$@"
