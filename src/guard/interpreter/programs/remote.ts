import type { Call } from '../call.js'
import { sshCommands } from './hooks.js'
import type { Field } from './invocation.js'
import { operands, valuesOf } from './options.js'
import { joined, operandsOf } from './repeaters.js'
import type { Outcome } from './session.js'
import { runText } from './shells.js'

/** Programs that run a command on another machine, in a container or in another terminal. */
export const remoteCarriers: Record<string, (call: Call) => Outcome | undefined> = {
  ssh: runSsh,
  mosh: (call) => runText(call, joined(operands(call.invocation).slice(1))),
  rsh: runSsh,
  pdsh: (call) =>
    runText(call, joined(operandsOf(call.invocation.args, ['w', 'x', 'g', 'l', 'f', 't', 'u']))),
  clush: (call) =>
    runText(call, joined(operandsOf(call.invocation.args, ['w', 'x', 'g', 'l', 'f', 't', 'u']))),
  pssh: (call) => runText(call, joined(operandsOf(call.invocation.args, ['h', 'H', 'l', 'p', 't', 'o']))),
  vagrant: (call) => runText(call, valuesOf(call.invocation, 'c', 'command')[0]?.value),
  gcloud: (call) => runText(call, valuesOf(call.invocation, 'command')[0]?.value),
  ansible: runAnsible,
  salt: (call) => runText(call, after(call, 'cmd.run')),
  docker: runContainer,
  podman: runContainer,
  nerdctl: runContainer,
  'docker-compose': runContainer,
  kubectl: runPod,
  oc: runPod,
  lxc: (call) => runText(call, afterDashes(call)),
  incus: (call) => runText(call, afterDashes(call)),
  machinectl: (call) => runText(call, joined(operands(call.invocation).slice(2))),
  tmux: runTerminal,
  screen: (call) => runText(call, joined(operandsOf(call.invocation.args, ['S', 'X', 'p', 'L', 'dmS', 'c']))),
}

function runSsh(call: Call): Outcome | undefined {
  const taking = [
    'B',
    'b',
    'c',
    'D',
    'E',
    'e',
    'F',
    'I',
    'i',
    'J',
    'L',
    'l',
    'm',
    'O',
    'o',
    'p',
    'Q',
    'R',
    'S',
    'W',
    'w',
  ]
  const [host, ...first] = operandsOf(call.invocation.args, taking)
  // Options may also follow the host.
  const command = first[0]?.value.startsWith('-') ? operandsOf(first, taking) : first
  const here = sshCommands(call.invocation.args)
  if (here.length > 0) return runText(call, [...here, joined(command)].join('\n'))
  if (!host) return undefined
  return runText(call, command.length > 0 ? joined(command) : call.context.input)
}

function runAnsible(call: Call): Outcome | undefined {
  const module = valuesOf(call.invocation, 'm', 'module-name')[0]?.value ?? 'command'
  if (!/(?:^|\.)(?:shell|command|raw|script)$/.test(module)) return undefined
  return runText(call, valuesOf(call.invocation, 'a', 'args')[0]?.value)
}

/** Options of `docker run` and `docker exec` whose value is the next word. */
const containerOptions =
  'a e h l m p u v w c name env env-file volume mount workdir user publish network net entrypoint label memory cpus hostname add-host cap-add cap-drop device dns expose gpus ip link log-driver log-opt pid platform restart security-opt shm-size tmpfs ulimit volumes-from index file f cpuset-cpus pull runtime ipc'.split(
    ' ',
  )

function runContainer(call: Call): Outcome | undefined {
  const words = operandsOf(call.invocation.args, [
    'H',
    'context',
    'l',
    'config',
    'f',
    'file',
    'p',
    'project-name',
    'profile',
  ])
  const [verb, ...rest] =
    words[0]?.value === 'compose' || words[0]?.value === 'container' ? words.slice(1) : words
  if (verb?.value !== 'run' && verb?.value !== 'exec') return undefined
  const options = rest.slice(0, rest.length - operandsOf(rest, containerOptions).length)
  const [, ...inside] = operandsOf(rest, containerOptions)
  const mounts = mountsOf(options)
  // Each word is checked against each of them.
  if (mounts.length > mostMounts) call.session.budget.leaveOut()
  const command = inside.map((word) => seenFromHost(word, mounts.slice(0, mostMounts)))
  if (command.length === 0) return undefined
  const opens = options.some((one) =>
    /^(?:-v|--volume|--mount|--privileged|--pid|--device|--volumes-from|--cap-add)/.test(one.value),
  )
  const contained = call.context.contained || (verb.value === 'run' && !opens)
  return call.session.run(command, call.shape, { ...call.context, contained, input: call.context.input })
}

const mostMounts = 16

interface Mount {
  readonly host: string
  readonly inside: string
}

/** Folders of the host that a container sees under another name. */
function mountsOf(options: readonly Field[]): readonly Mount[] {
  const found = options.flatMap((option, index) => {
    const glued = /^(?:-v|--volume=|--mount=)(.+)$/s.exec(option.value)?.[1]
    const next = /^(?:-v|--volume|--mount)$/.test(option.value) ? options[index + 1]?.value : undefined
    const text = glued ?? next ?? ''
    const short = /^(\/[^:]*):(\/[^:]+)/.exec(text)
    const host = short?.[1] ?? /(?:^|,)(?:source|src)=(\/[^,]*)/.exec(text)?.[1]
    const inside = short?.[2] ?? /(?:^|,)(?:target|dst|destination)=(\/[^,]+)/.exec(text)?.[1]
    return host && inside && inside !== '/' ? [{ host, inside: inside.replace(/\/+$/, '') }] : []
  })
  // Of two with the same name, the last one applies.
  return [...new Map(found.map((mount) => [mount.inside, mount])).values()]
}

/** A word of a container's command, with the folders of the host under the names that they have there. */
function seenFromHost(word: Field, mounts: readonly Mount[]): Field {
  let { value } = word
  for (const { host, inside } of mounts) {
    const pieces = value.split(inside)
    // Only at the start of a path, and only as a whole name in it.
    value = pieces.reduce((done, piece) => {
      const begins = done === '' || /[\s"'=;&|(]$/.test(done)
      if (!begins || !/^(?:$|[/\s"';&|)])/.test(piece)) return done + inside + piece
      return done + (piece.startsWith('/') ? host.replace(/\/+$/, '') : host) + piece
    })
  }
  return value === word.value ? word : { ...word, value }
}

function runPod(call: Call): Outcome | undefined {
  const words = operands(
    { args: beforeDashes(call) },
    'n',
    'namespace',
    'c',
    'container',
    'context',
    'kubeconfig',
  )
  if (words[0]?.value !== 'exec' && words[0]?.value !== 'rsh') return undefined
  const at = call.invocation.args.findIndex((field) => field.value === '--')
  const command = at < 0 ? words.slice(2) : call.invocation.args.slice(at + 1)
  return command.length > 0 ? call.session.run(command, call.shape, call.context) : undefined
}

function runTerminal(call: Call): Outcome | undefined {
  const words = operands(call.invocation, 't', 's', 'n', 'c', 'L', 'S', 'f', 'x', 'y', 'F')
  const [verb, ...rest] = words
  if (
    !verb ||
    !/^(?:new|neww|new-session|new-window|split-window|splitw|send|send-keys|run|run-shell|respawn-pane)$/.test(
      verb.value,
    )
  ) {
    return undefined
  }
  const typed = rest.filter((word) => !/^(?:Enter|C-m|C-[a-z])$/.test(word.value))
  return runText(call, joined(typed))
}

function beforeDashes(call: Call) {
  const at = call.invocation.args.findIndex((field) => field.value === '--')
  return at < 0 ? call.invocation.args : call.invocation.args.slice(0, at)
}

function afterDashes(call: Call): string | undefined {
  const at = call.invocation.args.findIndex((field) => field.value === '--')
  return at < 0 ? undefined : joined(call.invocation.args.slice(at + 1))
}

function after(call: Call, word: string): string | undefined {
  const at = call.invocation.args.findIndex((field) => field.value === word)
  return at < 0 ? undefined : joined(call.invocation.args.slice(at + 1))
}
