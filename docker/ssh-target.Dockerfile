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

COPY --chmod=0644 ssh-target/sshd.conf /etc/ssh/sshd_config.d/10-target.conf
COPY --chmod=0755 ssh-target/start.sh /usr/local/bin/start-target

VOLUME /etc/ssh/host-keys
EXPOSE 22
HEALTHCHECK --interval=10s --timeout=3s CMD ["/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/22 && read -r -t 2 line <&3 && [[ $line == SSH-2.0-* ]]"]
CMD ["/usr/local/bin/start-target"]
