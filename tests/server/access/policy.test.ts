import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AuditService } from '../../../src/server/access/audit/service.js'
import { PolicyService } from '../../../src/server/access/policy/service.js'
import { TokenService } from '../../../src/server/access/token-service.js'
import { UserSessionService } from '../../../src/server/access/user-sessions.js'
import { UserService, type UserServiceOptions } from '../../../src/server/access/users.js'
import { EnrolmentService } from '../../../src/server/agents/enrolment/service.js'
import { AgentService } from '../../../src/server/agents/service.js'
import { AnalysisService } from '../../../src/server/analysis/service.js'
import { EventFeed } from '../../../src/server/commands/feed.js'
import { CommandInputs } from '../../../src/server/commands/input/service.js'
import { Commands, type CommandsOptions } from '../../../src/server/commands/service.js'
import { Journal } from '../../../src/server/journal/journal.js'
import { LmdbJournal } from '../../../src/server/journal/lmdb/journal.lmdb.js'
import { LmdbFolder } from '../../../src/server/storage/folder.lmdb.js'
import type { Actor } from '../../../src/server/transport/caller.js'
import type { Policy, Resource } from '../../../src/server/transport/policy.js'
import { type Action, actionSchema, leastRole } from '../../../src/shared/access/actions.js'
import { explainRequestSchema } from '../../../src/shared/access/explain.js'
import type { Role } from '../../../src/shared/access/identity.js'
import { joinTokenRequestSchema } from '../../../src/shared/access/join.js'
import { policySchema } from '../../../src/shared/access/policy.js'
import { newTokenSchema } from '../../../src/shared/access/tokens.js'
import { newUserSchema } from '../../../src/shared/access/users.js'
import { commandInputSchema } from '../../../src/shared/commands/input.js'
import { commandRequestSchema } from '../../../src/shared/commands/request.js'
import { OgentError } from '../../../src/shared/errors.js'
import { newCommand } from '../../suites/journal-suite.js'
import { actor } from '../../support/actors.js'
import { strictEvents } from '../../support/events.js'
import { temporaryFolder } from '../../support/folder.js'
import { rolePolicy } from '../../support/role-policy.js'
import { silent } from '../../support/system.js'

const ann: Actor = actor('ann', 'admin')
const signal = new AbortController().signal

describe('the policy of the built-in roles', () => {
  const may = (role: Role, action: Action) => {
    try {
      rolePolicy.authorize(actor('ann', role), action)
      return true
    } catch (error) {
      expect(error).toMatchObject({ code: 'FORBIDDEN' })
      return false
    }
  }

  test('allows a role the actions that require it, and those of lesser roles', () => {
    for (const action of actionSchema.options) {
      const allowed = (['viewer', 'operator', 'admin', 'agent'] as const).filter((role) => may(role, action))
      const expected = {
        viewer: ['viewer', 'operator', 'admin'],
        operator: ['operator', 'admin'],
        admin: ['admin'],
        agent: ['admin', 'agent'],
      }
      expect(allowed, action).toEqual(expected[leastRole[action]])
    }
  })

  test('says which role is missing', () => {
    const viewer = actor('vic', 'viewer')
    expect(() => rolePolicy.authorize(viewer, 'run.shell', { agent_id: 'a1' })).toThrow(
      'This takes the role operator; vic is viewer.',
    )
  })
})

/** Forbids everything, and remembers what it was asked. */
class ClosedPolicy implements Policy {
  readonly revision = 0
  readonly asked: { actor: Actor; action: Action; resource: Resource | undefined }[] = []
  authorize(actor: Actor, action: Action, resource?: Resource): void {
    this.asked.push({ actor, action, resource })
    throw new OgentError('FORBIDDEN', 'Nothing is allowed.')
  }
  authorizeRoles(): never {
    throw new Error('This comes after the first question.')
  }
  authorizeLabels(): never {
    throw new Error('This comes after the first question.')
  }
  may(): never {
    throw new Error('This comes after the first question.')
  }
  authorizeCommand(): never {
    throw new Error('This comes after the first question.')
  }
  reach(): never {
    throw new Error('This comes after the first question.')
  }
}

describe('every method of a service that has an actor', () => {
  const folder = temporaryFolder()
  const journal = new Journal(new LmdbJournal(new LmdbFolder(folder.path, silent)))
  const policy = new ClosedPolicy()
  // What the policy refuses reaches none of these.
  const unreached = {} as never
  const commands = new Commands({
    journal,
    policy,
    events: strictEvents(),
    agents: unreached,
    dispatcher: unreached,
    guard: unreached,
    limits: unreached,
    attendance: unreached,
    requestHash: unreached,
    guardMode: 'block',
    timeoutSeconds: 60,
    maxOutputBytes: 1000,
  } satisfies CommandsOptions)
  const feed = new EventFeed({ journal, commands, events: strictEvents(), policy })
  const inputs = new CommandInputs({
    journal,
    policy,
    events: strictEvents(),
    agents: unreached,
    relay: unreached,
    log: silent,
    mayHaveOrder: unreached,
  })
  const agents = new AgentService(unreached, policy)
  const noPolicy = policySchema.parse({})
  const policies = new PolicyService({
    policy,
    events: strictEvents(),
    current: unreached,
    rules: unreached,
    subjects: unreached,
    agents: unreached,
    judge: unreached,
  })
  const audit = new AuditService({
    store: unreached,
    policy,
    events: strictEvents(),
    askWitnesses: unreached,
  })
  const enrolment = new EnrolmentService({
    policy,
    events: strictEvents(),
    agents: unreached,
    enrolment: unreached,
  })
  const analysis = new AnalysisService({ agents: unreached, analyzer: unreached, policy })

  // Of accounts it is asked first whether one is the actor's own: none is.
  const accounts = { find: () => undefined, byId: () => undefined } as never
  const users = new UserService({
    accounts,
    policy,
    events: strictEvents(),
    sessions: unreached,
    login: unreached,
    hash: unreached,
    passwordRule: unreached,
    isManager: unreached,
    forgetOwner: unreached,
  } satisfies UserServiceOptions)
  const sessions = new UserSessionService({ accounts, policy, events: strictEvents(), sessions: unreached })

  const tokens = new TokenService({
    accounts,
    policy,
    events: strictEvents(),
    tokens: { find: () => undefined } as never,
  })

  beforeAll(async () => {
    await journal.create(newCommand('c1'))
  })
  afterAll(async () => {
    await journal.close()
    folder[Symbol.dispose]()
  })

  const request = commandRequestSchema.parse({ agent_id: 'a1', command: 'true' })
  const c1 = { command_id: 'c1', agent_id: 'a1', requested_by: 'olga' }
  /** `hidden`: whether there is such a thing is not said to one who may not know of it. */
  type Row = { call: () => unknown; action: Action; resource?: Resource; hidden?: string }
  const calls: Record<string, Row> = {
    'commands.start': {
      call: () => commands.start(request, ann),
      action: 'run.shell',
      resource: { agent_id: 'a1' },
    },
    'commands.follow': {
      call: () => commands.follow(ann, 'c1', 1, { signal }).next(),
      action: 'commands.view',
      resource: c1,
    },
    'commands.cancel': { call: () => commands.cancel(ann, 'c1'), action: 'run.shell', resource: c1 },
    'commands.get': { call: () => commands.get(ann, 'c1'), action: 'commands.view', resource: c1 },
    'commands.position': { call: () => commands.position(ann, 'c1'), action: 'commands.view', resource: c1 },
    'commands.positionAt': {
      call: () => commands.positionAt(ann, 'c1', 1, signal),
      action: 'commands.view',
      resource: c1,
    },
    'commands.list': { call: () => commands.list(ann, { limit: 1 } as never), action: 'commands.view' },
    'inputs.input': {
      call: () => inputs.input(ann, commandInputSchema.parse({ command_id: 'c1' }), signal),
      action: 'run.shell',
      resource: c1,
    },
    'feed.open': {
      call: () => feed.open(ann, {}, { signal, subscribe: unreached }).next(),
      action: 'commands.view',
    },
    'agents.list': { call: () => agents.list(ann, { limit: 1 }), action: 'agents.view' },
    'agents.get': { call: () => agents.get(ann, 'a1'), action: 'agents.view', resource: { agent_id: 'a1' } },
    'agents.events': { call: () => agents.events(ann, signal), action: 'agents.view' },
    'enrolment.createToken': {
      call: () => enrolment.createToken(ann, joinTokenRequestSchema.parse({})),
      action: 'agents.manage',
    },
    'enrolment.listTokens': { call: () => enrolment.listTokens(ann), action: 'agents.manage' },
    'enrolment.revokeToken': { call: () => enrolment.revokeToken(ann, 't1'), action: 'agents.manage' },
    'enrolment.change': {
      call: () => enrolment.change(ann, 'a1', {}),
      action: 'agents.manage',
      resource: { agent_id: 'a1' },
    },
    'enrolment.remove': {
      call: () => enrolment.remove(ann, 'a1'),
      action: 'agents.manage',
      resource: { agent_id: 'a1' },
    },
    'enrolment.revoke': {
      call: () => enrolment.revoke(ann, 'a1'),
      action: 'agents.manage',
      resource: { agent_id: 'a1' },
    },
    'policies.get': { call: () => policies.get(ann), action: 'policy.manage' },
    'policies.check': { call: () => policies.check(ann, noPolicy), action: 'policy.manage' },
    'policies.save': { call: () => policies.save(ann, noPolicy, '*'), action: 'policy.manage' },
    'policies.explain': {
      call: () => policies.explain(ann, explainRequestSchema.parse({ as: 'bob' })),
      action: 'policy.manage',
    },
    'audit.list': { call: () => audit.list(ann, { limit: 1 }), action: 'audit.read' },
    'audit.export': { call: () => audit.export(ann), action: 'audit.read' },
    'audit.checkpoints': { call: () => audit.checkpoints(ann), action: 'audit.read' },
    'audit.witnesses': { call: () => audit.witnesses(ann), action: 'audit.read' },
    'analysis.analyze': {
      call: () => analysis.analyze(ann, { command: 'true', agent_id: 'a1' }),
      action: 'run.shell',
      resource: { agent_id: 'a1' },
    },
    'tokens.list': { call: () => tokens.list(ann, { owner: 'bob' }), action: 'tokens.manage' },
    'tokens.create': {
      call: () =>
        tokens.create({ ...ann, expires_at: 0 }, newTokenSchema.parse({ name: 'ci', owner: 'bob' })),
      action: 'tokens.manage',
    },
    'tokens.revoke': {
      call: () => tokens.revoke(ann, 'token-1'),
      action: 'tokens.manage',
      hidden: 'There is no API token token-1.',
    },
    'users.list': { call: () => users.list(ann, { limit: 1 }), action: 'users.manage' },
    'users.get': { call: () => users.get(ann, 'bob'), action: 'users.manage' },
    'users.create': {
      call: () => users.create(ann, newUserSchema.parse({ username: 'bob', password: 'p', roles: [] })),
      action: 'users.manage',
    },
    'users.update': {
      call: () => users.update(ann, { username: 'bob', disabled: true }),
      action: 'users.manage',
    },
    'users.remove': { call: () => users.remove(ann, 'bob'), action: 'users.manage' },
    'users.setPassword': {
      call: () => users.setPassword(ann, { username: 'bob', password: 'p' }, '127.0.0.1'),
      action: 'users.manage',
    },
    'sessions.list': { call: () => sessions.list(ann, 'bob'), action: 'users.manage' },
    'sessions.endAll': { call: () => sessions.endAll(ann, 'bob'), action: 'users.manage' },
    'sessions.end': {
      call: () => sessions.end({ ...ann, expires_at: 0 }, 'bob', 'session-1'),
      action: 'users.manage',
    },
  }

  /** Methods without an actor: the controller itself calls them, or an agent that has yet to prove its key. `attend` takes what `start` gave to its actor. */
  const inner = [
    'commands.recover',
    'commands.attend',
    'commands.abandon',
    'inputs.answered',
    'inputs.close',
    'enrolment.join',
    'enrolment.token',
  ]

  test('is in this table', () => {
    const methods = Object.entries({
      commands: Commands,
      inputs: CommandInputs,
      feed: EventFeed,
      agents: AgentService,
      enrolment: EnrolmentService,
      analysis: AnalysisService,
      policies: PolicyService,
      users: UserService,
      sessions: UserSessionService,
      audit: AuditService,
      tokens: TokenService,
    }).flatMap(([name, { prototype }]) =>
      Object.getOwnPropertyNames(prototype)
        .filter((method) => method !== 'constructor')
        .map((method) => `${name}.${method}`),
    )
    expect([...Object.keys(calls), ...inner].sort()).toEqual(methods.sort())
  })

  test.each(Object.entries(calls))(
    '%s asks the policy first, and has no effect when it refuses',
    async (_name, row) => {
      policy.asked.length = 0
      const called = async () => row.call()
      await expect(called()).rejects.toMatchObject(
        row.hidden === undefined
          ? { code: 'FORBIDDEN', message: 'Nothing is allowed.' }
          : { code: 'NOT_FOUND', message: row.hidden },
      )
      expect(policy.asked).toMatchObject([{ actor: ann, action: row.action, resource: row.resource }])
    },
  )
})
