const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
const base64 = (text: string) => Buffer.from(text).toString('base64')

/** What people, scripts and models put around a command without changing what it does. */
export const wraps: Readonly<Record<string, (command: string) => string>> = {
  'errors thrown away': (command) => `${command} 2>/dev/null`,
  'failure ignored': (command) => `${command} || true`,
  'a word at the end': (command) => `${command} && echo done`,
  'shell options first': (command) => `set -euo pipefail; ${command}`,
  'lines around it': (command) => `echo "Cleaning up..."\n${command}\necho "Done"`,
  'a group with its output in a file': (command) => `{ ${command}; } > /tmp/log 2>&1`,
  'a branch': (command) => `if true; then ${command}; fi`,
  'a loop': (command) => `for i in 1 2 3; do ${command}; done`,
  'a case': (command) => `case "$1" in start) ${command} ;; esac`,
  'a function': (command) => `tidy_up() { ${command}; }; tidy_up`,
  'the background': (command) => `nohup sh -c ${quoted(command)} >/dev/null 2>&1 &`,
  'another shell': (command) => `sudo bash -lc ${quoted(command)}`,
  'the shell of another account': (command) => `sudo -iu root bash -c ${quoted(command)}`,
  'a program of an environment': (command) => `poetry run sh -c ${quoted(command)}`,
  'a time limit': (command) => `timeout 10 bash -c ${quoted(command)}`,
  eval: (command) => `eval ${quoted(command)}`,
  'a variable': (command) => `cmd=${quoted(command)}\neval "$cmd"`,
  'an array': (command) => `c=(bash -c ${quoted(command)}); "\${c[@]}"`,
  'a here-document': (command) => `cat <<'EOF' | sudo sh\n${command}\nEOF`,
  'a here-string': (command) => `bash <<< ${quoted(command)}`,
  'a script that is written first': (command) =>
    `cat > /tmp/x.sh <<'EOF'\n#!/bin/bash\n${command}\nEOF\nchmod +x /tmp/x.sh && /tmp/x.sh`,
  'another machine': (command) => `ssh -p 22 root@web ${quoted(command)}`,
  'a container': (command) => `docker exec -it web sh -c ${quoted(command)}`,
  'a pod': (command) => `kubectl exec -n prod deploy/web -- bash -c ${quoted(command)}`,
  'another account': (command) => `su - root -c ${quoted(command)}`,
  'a trap': (command) => `trap ${quoted(command)} EXIT`,
  'a table of cron': (command) =>
    `(crontab -l 2>/dev/null; echo ${quoted(`0 3 * * * ${command}`)}) | crontab -`,
  base64: (command) => `echo ${base64(command)} | base64 -d 2>/dev/null | bash`,
  python: (command) => `python3 -c ${quoted(`import os; os.system(${JSON.stringify(command)})`)}`,
}

/** What a wrap would make another command of: line ends, here-documents, names of its own. */
export const plain = (command: string) => !/[\n#]|<<|^\(|\bf\b/.test(command)
