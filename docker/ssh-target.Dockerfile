# An Ubuntu machine to run commands on over SSH, for trying things out and for development.
#
#   docker build -f docker/ssh-target.Dockerfile -t ogent-ssh-target docker
#   docker run -e SSH_AUTHORIZED_KEY="$(cat ~/.ssh/id_ed25519.pub)" -p 127.0.0.1:2222:22 ogent-ssh-target
#
# No password, key or host key is in the image: the user `ubuntu` is let in by what the container is given at its
# start, and host keys are made at the first start, in the volume /etc/ssh/host-keys.
FROM ubuntu:24.04

RUN apt-get update \
  && apt-get install -y --no-install-recommends openssh-server \
  && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_* \
  && mkdir -p /run/sshd /etc/ssh/host-keys \
  && (id ubuntu >/dev/null 2>&1 || useradd --create-home --shell /bin/bash ubuntu)

COPY <<'EOF' /etc/ssh/sshd_config.d/10-target.conf
HostKey /etc/ssh/host-keys/ed25519
PermitRootLogin no
AllowUsers ubuntu
PermitEmptyPasswords no
X11Forwarding no
AllowTcpForwarding no
AllowAgentForwarding no
EOF

COPY --chmod=0755 <<'EOF' /usr/local/bin/start-target
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
EOF

VOLUME /etc/ssh/host-keys
EXPOSE 22
HEALTHCHECK --interval=10s --timeout=3s CMD ["/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/22 && read -r -t 2 line <&3 && [[ $line == SSH-2.0-* ]]"]
CMD ["/usr/local/bin/start-target"]
