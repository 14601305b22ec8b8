import { expect, test } from 'vitest'
import { readRepository } from '../support/samples.js'

/** What a document promises, in words that it holds, and the tests that prove it: a file and words of a title in it. */
type Promised = [words: string, ...proofs: [file: string, title: string][]]

const security: Promised[] = [
  [
    'tokens and output are read on the way',
    [
      'tests/e2e/tls.test.ts',
      'the SDK and the agent refuse a controller whose certificate they do not trust',
    ],
    ['tests/server/production.test.ts', 'is refused in production'],
  ],
  [
    'passwords are guessed',
    ['tests/server/transport/hardening.test.ts', 'leads to 429 with the time to wait after some attempts'],
    ['tests/server/transport/hardening.test.ts', 'for an unknown name takes as much work as for a known one'],
    ['tests/server/access/shared-logins.test.ts', 'refuse guesses that are spread over both'],
  ],
  [
    'the sample values of the documentation stay in place',
    ['tests/docs/sample-secrets.test.ts', 'is refused in production in every setting'],
    ['tests/server/production.test.ts', 'a password of a person needs 12 letters in production'],
    ['tests/server/config.test.ts', 'a key that is short enough to guess'],
  ],
  [
    'a token is stolen',
    [
      'tests/server/access/revoked-accounts.test.ts',
      'the link of an agent is closed for good when its account is removed',
    ],
    ['tests/e2e/bad-input.test.ts', 'gets 401 with the reason for an expired token'],
    ['tests/e2e/logs.test.ts', 'and no secret'],
    ['tests/cli/commands/login.test.ts', 'stores a token, readable for its user alone, and not the password'],
  ],
  [
    'an API token is stolen',
    ['tests/server/access/api-tokens.test.ts', 'is closed for good when its account is locked'],
    ['tests/server/access/api-tokens.test.ts', 'a password is changed by none'],
    ['tests/server/access/api-tokens.test.ts', 'fewer roles of its owner narrow it'],
  ],
  [
    'a removed account comes back by its name',
    [
      'tests/server/access/user-rights.test.ts',
      'one who has the name of a removed account is not that account',
    ],
    ['tests/server/access/users.test.ts', 'are not for a new account of its name'],
  ],
  [
    'who keeps accounts makes an admin',
    ['tests/server/access/user-rights.test.ts', 'gives no role beyond its own'],
    [
      'tests/server/access/user-rights.test.ts',
      'neither locks, nor demotes, nor removes, nor enters an account',
    ],
  ],
  [
    'a token is forged',
    ['tests/server/access/tokens.test.ts', 'and not by another one with the same key'],
    ['tests/server/access/tokens.test.ts', 'may not live longer than the setting allows'],
    ['tests/e2e/bad-input.test.ts', 'gets 401 for no token, a wrong token and a token of another key'],
    ['tests/server/access/secrets.test.ts', 'is created once, complete, for its user alone'],
  ],
  [
    'a route or procedure without a check',
    ['tests/server/access/access.test.ts', 'every procedure of the router names who may call it'],
    ['tests/server/access/access.test.ts', 'every route names who may use it'],
  ],
  [
    'a web page of another site calls the API from a browser',
    ['tests/server/transport/hardening.test.ts', 'admits pages of other origins by CORS_ORIGINS alone'],
    ['tests/server/transport/hardening.test.ts', 'is accepted from programs, from pages of this controller'],
  ],
  [
    'a stranger fills memory, sockets or the log',
    [
      'tests/server/transport/socket-bounds.test.ts',
      'is closed with 4413 when a message is larger than 8 KiB',
    ],
    ['tests/server/transport/socket-bounds.test.ts', 'does not fill memory with sockets that do not read'],
    ['tests/server/transport/door.test.ts', 'one address opens more silent connections than there are files'],
    [
      'tests/server/commands/refusal-log.test.ts',
      'the log shows refused logins of one address at once, then one line a minute',
    ],
  ],
  [
    'a command reads the secrets of its agent, which is the same user',
    ['tests/agent/host/private-memory.test.ts', 'keeps its environment and memory from its commands'],
    ['tests/cli/commands/start-secrets.test.ts', 'ogent start warns of operators'],
  ],
  [
    'one user fills memory, disk or sockets',
    ['tests/server/transport/socket-bounds.test.ts', 'does not fill memory by requesting more than is read'],
    ['tests/server/commands/open-commands.test.ts', 'of one account are limited'],
    ['tests/e2e/bad-input.test.ts', 'when a message exceeds the size limit'],
    ['tests/server/transport/hardening.test.ts', 'a user may have a limited number of subscriptions'],
    ['tests/server/transport/limits/request-limit.test.ts', 'one more is 429 with the time to wait'],
    ['tests/faults/watchers.test.ts', 'a hundred of them'],
  ],
  [
    'the disk is full',
    ['tests/faults/full-disk.test.ts', 'stays up, refuses new commands, loses nothing of running ones'],
  ],
  [
    'a command destroys something by mistake',
    ['tests/server/analysis/guard-execute.test.ts', 'refuses a high risk over the SDK'],
    [
      'tests/server/analysis/guard-execute.test.ts',
      'runs a risky command and lists the risks in command_response',
    ],
  ],
  [
    "the agent's machine is taken over by way of the controller",
    ['tests/packaging/systemd.test.ts', 'well fenced in'],
    ['tests/server/transport/hardening.test.ts', 'an agent that runs as root logs a warning'],
    ['tests/server/analysis/guard-execute.test.ts', 'makes an agent refuse a high risk by itself'],
  ],
  [
    "a command's environment makes it load foreign code",
    ['tests/server/transport/hardening.test.ts', 'may not contain %s, which makes programs load other code'],
  ],
  [
    'a command leaves processes behind',
    ['tests/e2e/bad-input.test.ts', 'is gone with its children when it is cancelled'],
    ['tests/agent/executors/local/ends.test.ts', 'ends processes in a session of their own'],
    ['tests/faults/kills.test.ts', 'of the agent ends the orphaned process groups'],
    ['tests/agent/executors/local/processes-in-groups.test.ts', 'ends with the command at its time limit'],
    [
      'tests/agent/executors/local/processes-in-groups.test.ts',
      'is ended by the next agent when the one before was killed',
    ],
    [
      'tests/agent/executors/local/control-groups.test.ts',
      'leaves its detached processes alone when it ends by itself',
    ],
  ],
  ['an SSH target is not the one it was', ['tests/agent/executors/ssh/known-hosts.test.ts', 'test']],
  [
    'one agent speaks for another',
    ['tests/faults/stops.test.ts', 'is refused with the id of a connected one'],
    [
      'tests/e2e/many-controllers.test.ts',
      'refuse, each of them, a second process with an id that is in use',
    ],
  ],
  [
    'a state folder is copied, with an image or a backup',
    ['tests/server/agents/enrolment/agent-tokens.test.ts', 'is AGENT_CLONED, and the first one stays up'],
    [
      'tests/server/agents/enrolment/labels-and-end.test.ts',
      'neither its key nor its id opens anything again',
    ],
  ],
  [
    'a join token gets about',
    ['tests/server/agents/enrolment/joining.test.ts', 'refuses a second one with TOKEN_EXHAUSTED'],
    ['tests/server/agents/enrolment/joining.test.ts', 'shows neither its secret in the list nor its hash'],
  ],
  [
    'an agent calls itself what it is not',
    ['tests/server/agents/enrolment/labels-and-end.test.ts', 'does not change what was assigned to it'],
  ],
  [
    'a command runs twice after a lost reply',
    ['tests/e2e/main-job.test.ts', 'follows a known id instead of starting it again'],
    [
      'tests/server/commands/command-ids.test.ts',
      'is refused for every request that would run something else',
    ],
  ],
  [
    'an exit code is invented',
    [
      'tests/faults/kills.test.ts',
      'of the agent at the moment of a result does not replace a true end by a guess',
    ],
    ['tests/e2e/main-job.test.ts', 'delivers ten megabytes complete, by their hash'],
  ],
  [
    'an agent says what cannot be true',
    [
      'tests/server/commands/agents-word.test.ts',
      'is checked too by a controller that has not received its beginning',
    ],
    [
      'tests/server/commands/agents-word.test.ts',
      'ends the command as lost when it ran on another target than requested',
    ],
    [
      'tests/server/commands/agents-word.test.ts',
      'has its time limited to the span between the creation and now',
    ],
  ],
  [
    'output steers the terminal of who reads it',
    ['tests/cli/output/escape-sequences.test.ts', 'ogent prints no escape sequence'],
    ['tests/host/log.test.ts', 'has no escape sequence from a name, a value or the sentence'],
  ],
  [
    'a model is talked into something by what it reads',
    ['tests/server/analysis/secret-mask.test.ts', 'test'],
    [
      'tests/server/analysis/guard-execute.test.ts',
      'does not run the line of a model that adds something new',
    ],
  ],
  ['logs give secrets away', ['tests/e2e/logs.test.ts', 'the debug log of a whole run']],
  [
    'a dependency goes bad',
    ['tests/packaging/supply-chain.test.ts', 'installs every package in the version that was tested'],
    ['tests/packaging/supply-chain.test.ts', 'npm run sbom lists every package'],
  ],
]

const operations: Promised[] = [
  ['200 while the process answers', ['tests/e2e/many-controllers.test.ts', 'name Redis in their readiness']],
  ['commands wait, nothing is lost', ['tests/faults/full-disk.test.ts', 'loses nothing of running ones']],
  ['or as `LOG_FORMAT` says', ['tests/host/log.test.ts', 'the log is JSON when stderr is not a terminal']],
  [
    'The health check calls a controller healthy while it is ready',
    ['tests/packaging/docker.test.ts', 'test'],
  ],
  [
    'Each is for its user alone (0700, files 0600)',
    ['tests/host/private-folder.test.ts', 'is created for its user alone'],
  ],
  [
    'a second one is refused',
    ['tests/host/folder-lock.test.ts', 'is refused at once while its process is alive'],
  ],
  ['its `reason` says so', ['tests/e2e/restore.test.ts', 'a restored backup receives the ends of commands']],
  ['gives what runs 10 seconds to end', ['tests/faults/stops.test.ts', 'of the agent lets commands end']],
  [
    'refuses to change it',
    ['tests/cli/commands/users.test.ts', 'refuses the account that ADMIN_PASSWORD sets'],
  ],
  [
    'a renewed certificate counts for new connections',
    [
      'tests/server/transport/certificate-renewal.test.ts',
      'a running controller uses a certificate that is renewed',
    ],
  ],
  [
    'SIGTERM, Ctrl-C or SIGHUP (a terminal that is closed) once',
    ['tests/cli/ends.test.ts', 'a controller and an agent end in order at'],
  ],
  ['an agent ends what it runs by force', ['tests/agent/stop.test.ts', 'a second signal']],
  ['a kill -9 loses nothing that anyone has seen', ['tests/faults/kills.test.ts', 'kill -9']],
]

test.each([
  ['docs/security.md', security],
  ['docs/operations.md', operations],
] as const)('each promise of %s is there in these words and has a test', (document, promises) => {
  const page = readRepository(document).replaceAll(/\s+/g, ' ')
  for (const [words, ...proofs] of promises) {
    expect(page).toContain(words)
    expect(proofs.length, words).toBeGreaterThan(0)
    for (const [file, title] of proofs) expect(readRepository(file), `${words}: ${file}`).toContain(title)
  }
})

test('every threat of docs/security.md is in the table', () => {
  const [, table = ''] = readRepository('docs/security.md').split('| threat |')
  const threats = table.split('\n## ')[0]?.match(/(?<=^\| )[^|-][^|]*(?= \|)/gm) ?? []
  expect(threats.length).toBeGreaterThan(15)
  expect(threats.filter((threat) => threat !== 'what stops it')).toEqual(security.map(([words]) => words))
})
