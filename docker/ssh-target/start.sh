#!/bin/sh
set -eu
if [ -z "${SSH_PASSWORD:-}" ] && [ -z "${SSH_AUTHORIZED_KEY:-}" ]; then
  echo 'Give the container SSH_AUTHORIZED_KEY (a public key) or SSH_PASSWORD: nobody could log in without.' >&2
  exit 64
fi
key=/etc/ssh/host-keys/ed25519
[ -f "$key" ] || ssh-keygen -q -t ed25519 -N '' -f "$key"
if [ -n "${SSH_PASSWORD:-}" ]; then
  printf 'ubuntu:%s\n' "$SSH_PASSWORD" | chpasswd
  echo 'PasswordAuthentication yes' >/etc/ssh/sshd_config.d/05-password.conf
else
  echo 'PasswordAuthentication no' >/etc/ssh/sshd_config.d/05-password.conf
fi
if [ -n "${SSH_AUTHORIZED_KEY:-}" ]; then
  install -d -m 0700 -o ubuntu -g ubuntu /home/ubuntu/.ssh
  printf '%s\n' "$SSH_AUTHORIZED_KEY" >/home/ubuntu/.ssh/authorized_keys
  chown ubuntu:ubuntu /home/ubuntu/.ssh/authorized_keys
  chmod 0600 /home/ubuntu/.ssh/authorized_keys
fi
unset SSH_PASSWORD SSH_AUTHORIZED_KEY
# What an agent needs to trust this machine: told, and written where the agent looks when it shares a volume with us.
if [ -n "${KNOWN_HOSTS_FILE:-}" ]; then
  printf '%s %s\n' "${KNOWN_HOSTS_NAME:-ssh-target}" "$(cut -d ' ' -f 1,2 "$key.pub")" >"$KNOWN_HOSTS_FILE"
  chmod 0644 "$KNOWN_HOSTS_FILE"
fi
echo "host key: $(ssh-keygen -lf "$key.pub" | cut -d ' ' -f 2)"
exec /usr/sbin/sshd -D -e
